package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"sync/atomic"
)

const stepRequest = "request"

// A Dialer bounds one dial: by its caller's context and the handshake's timeout. What it makes outlives that.
type Dialer struct {
	step   atomic.Pointer[string]
	limit  context.Context // the caller's, with the timeout
	caller context.Context
	ctx    context.Context // the connection's
	cancel context.CancelCauseFunc
	stop   func() bool
	free   context.CancelFunc
}

// NewDialer returns a dialer for u. Finish is to be called.
func NewDialer(ctx context.Context, u *url.URL, o *Options) *Dialer {
	d := &Dialer{caller: ctx}
	d.limit, d.free = context.WithTimeoutCause(ctx, o.HandshakeTimeout, fmt.Errorf("no answer for %v: %w", o.HandshakeTimeout, os.ErrDeadlineExceeded))
	d.ctx, d.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	d.stop = context.AfterFunc(d.limit, func() { d.cancel(context.Cause(d.limit)) })
	d.Enter("connect")
	return d
}

// Enter says what is done next, and Step what was done last.
func (d *Dialer) Enter(step string) { d.step.Store(&step) }
func (d *Dialer) Step() string      { return *d.step.Load() }

// Err returns why the dial was given up, or nil.
func (d *Dialer) Err() error { return context.Cause(d.ctx) }

// Cancel ends what the dialer has made.
func (d *Dialer) Cancel() { d.cancel(nil) }

// Context returns the context of the dial's request, which notes its steps. With onlyHTTP2 it ends with ErrHTTP1 before the
// request is sent, if the server, asked by ALPN, does not choose HTTP/2.
func (d *Dialer) Context(onlyHTTP2 bool) context.Context {
	return httptrace.WithClientTrace(d.ctx, &httptrace.ClientTrace{
		TLSHandshakeStart: func() { d.Enter("TLS handshake") },
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			if onlyHTTP2 && err == nil && s.NegotiatedProtocol != "h2" {
				d.cancel(ErrHTTP1)
			}
		},
		GotConn: func(httptrace.GotConnInfo) { d.Enter(stepRequest) },
	})
}

// Finish ends the dial's bound, and returns its error: for one that was given up, why.
func (d *Dialer) Finish(err error) error {
	stopped := d.stop()
	d.free()
	if err == nil {
		if stopped {
			return nil
		}
		return d.why() // what was made ends with the context
	}
	if why := d.why(); why != nil && !errors.Is(why, context.Canceled) || errors.Is(err, context.Canceled) {
		err = why
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && d.Step() == stepRequest {
		err = fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	d.cancel(nil)
	return err
}

// why returns why the dial was given up.
func (d *Dialer) why() error {
	if err := d.caller.Err(); err != nil {
		return err
	}
	return context.Cause(d.ctx)
}

// Transport returns a Transport for one dial, with no protocol set, whose connection is raw.
func Transport(o *Options, raw *RawConn) *http.Transport {
	c := &tls.Config{}
	if o.TLS != nil {
		c = o.TLS.Clone()
	}
	return &http.Transport{
		DialContext: raw.dial, Proxy: http.ProxyFromEnvironment, TLSClientConfig: c, DisableCompression: true, Protocols: new(http.Protocols),
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// ClientHTTP2 is what a dialer's HTTP/2 is like.
func ClientHTTP2(o *Options) *http.HTTP2Config {
	c := &http.HTTP2Config{MaxReadFrameSize: 256 << 10}
	if o.Keepalive > 0 {
		c.SendPingTimeout = o.Keepalive
	}
	return c
}
