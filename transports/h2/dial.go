package h2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/internal/pump"
	"github.com/corechan/corechan/transports/internal/web"
)

// Dial connects to the endpoint at a URL, https://host:port/path, or h2c:// without TLS; a user and password in it are sent
// as basic authentication. The session is the caller's to close.
//
// The errors name the URL and the step, and wrap: those of connecting, and of crypto/tls and crypto/x509 with the
// certificate's fault; ErrHTTP1; a *StatusError, which is ErrUnauthorized, ErrNotCorechan or ErrHTTP1; ErrRefused with the
// listener's text; ErrHandshake, ErrVersion; os.ErrDeadlineExceeded after Options.HandshakeTimeout; the context's. Redirections
// are not followed. HTTPS_PROXY is heeded as by http.ProxyFromEnvironment.
func Dial(ctx context.Context, address string, o *Options) (*engine.Session, error) {
	u, err := web.ParseURL(address, "https", "h2c")
	if err != nil {
		return nil, fmt.Errorf("h2: dial: %w", err)
	}
	w := o.web()
	d := web.NewDialer(ctx, u, &w)
	s, err := dial(d, u, &w)
	if err = d.Finish(err); err != nil {
		if s != nil {
			_ = s.Close()
		}
		return nil, fmt.Errorf("h2: dial %s: %s: %w", u.Redacted(), d.Step(), err)
	}
	return s, nil
}

func dial(d *web.Dialer, u *url.URL, o *web.Options) (*engine.Session, error) {
	p, err := pump.New(&o.Ring)
	if err != nil {
		return nil, err
	}
	raw := &web.RawConn{}
	tr := transport(o, raw, u.Scheme == "https")
	at := *u
	at.User = nil
	if at.Scheme == "h2c" {
		at.Scheme = "http"
	}
	c := &call{d: d, raw: raw, tr: tr, pump: p}
	c.req, err = http.NewRequestWithContext(d.Context(u.Scheme == "https"), http.MethodPost, at.String(), p)
	if err == nil {
		c.req.Header = o.Headers(u)
		c.req.Header.Set("Content-Type", ContentType)
		c.req.ContentLength = -1
		var s *engine.Session
		if s, err = c.greet(o, u.Redacted()); err == nil {
			return s, nil
		}
	}
	c.abort()
	p.Discard()
	return nil, err
}

// transport returns a Transport for one session: it has a connection of its own.
func transport(o *web.Options, raw *web.RawConn, secure bool) *http.Transport {
	tr := web.Transport(o, raw)
	if secure {
		tr.Protocols.SetHTTP2(true)
		tr.Protocols.SetHTTP1(true) // offered so that the server's answer says what it speaks; see Dialer.Context
	} else {
		tr.Protocols.SetUnencryptedHTTP2(true)
	}
	tr.HTTP2 = web.ClientHTTP2(o)
	return tr
}

// A call is a session's request.
type call struct {
	d    *web.Dialer
	raw  *web.RawConn
	tr   *http.Transport
	req  *http.Request
	pump *pump.Pump
	resp *http.Response
}

// greet shakes hands and makes the session.
func (c *call) greet(o *web.Options, address string) (*engine.Session, error) {
	said, err := hello.Greet(c, hello.Ours(o.Engine, &o.Ring), true, nil)
	if err != nil {
		return nil, err
	}
	l := c.pump.Link()
	l.Transport, l.Dialer, l.PeerLimits, l.Peer = Transport, true, said.Announced, engine.Peer{Addr: address}
	s, err := engine.NewSession(o.Engine, l)
	if err != nil {
		return nil, err
	}
	c.pump.Observed(c.req.Context())
	c.pump.Start(s, pump.Stream{Read: c.resp.Body.Read, Abort: c.abort})
	return s, nil
}

// Write implements io.Writer for the handshake: what is written leaves with the request.
func (c *call) Write(b []byte) (int, error) {
	c.pump.Prefix(b)
	return len(b), nil
}

// Read implements io.Reader for the handshake: the request is made first.
func (c *call) Read(b []byte) (int, error) {
	if c.resp == nil {
		resp, err := c.tr.RoundTrip(c.req)
		if err != nil {
			return 0, err
		}
		c.resp = resp
		switch typ := resp.Header.Get("Content-Type"); {
		case resp.StatusCode != http.StatusOK:
			return 0, web.NewStatusError(resp)
		case resp.ProtoMajor < 2:
			return 0, ErrHTTP1
		case typ != ContentType:
			return 0, fmt.Errorf("%w, but content-type %q", web.NewStatusError(resp), typ)
		}
		c.d.Enter("handshake")
	}
	n, err := c.resp.Body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && c.d.Err() != nil {
		err = c.d.Err()
	}
	return n, err
}

// abort ends the request and its connection. It does not block.
func (c *call) abort() {
	c.d.Cancel()
	go func() {
		if c.resp != nil {
			_ = c.resp.Body.Close()
		}
		c.tr.CloseIdleConnections()
		c.raw.Cut() // it may not be an idle one yet
	}()
}
