package transports

import (
	"context"
	stdtls "crypto/tls"
	"errors"
	"net/http"
	"net/url"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/httpchan"
	"github.com/corechan/corechan/transports/ws"
)

// Handler returns an http.Handler whose requests become sessions, by HTTP/2, or by WebSocket where the client has only
// HTTP/1.1, for any mux and behind any middleware. serve has the session until it returns; ctx has the values of the
// request's context, and the request is the session's Peer().Identity. See httpchan.Handler.
//
// Of the options, those about TLS and the server are the server's that the handler is mounted in.
func Handler(serve func(ctx context.Context, s *engine.Session), o *Options) http.Handler {
	return httpchan.Handler(serve, o.http())
}

// webTransports returns the transports by HTTP.
func webTransports() []transport {
	var all []transport
	for _, scheme := range []string{"https", "h2c"} {
		all = append(all, transport{
			scheme, webAddress,
			func(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
				h, err := o.dialling()
				if err != nil {
					return nil, err
				}
				return httpchan.Dial(ctx, scheme+"://"+addr, h)
			},
			func(ctx context.Context, addr string, o *Options) (*engine.Listener, error) {
				h, err := o.listening("h2", "http/1.1")
				if err != nil {
					return nil, err
				}
				return httpchan.Listen(ctx, scheme+"://"+addr, h)
			},
		})
	}
	for _, scheme := range []string{"wss", "ws"} {
		all = append(all, transport{
			scheme, webAddress,
			func(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
				h, err := o.dialling()
				if err != nil {
					return nil, err
				}
				return ws.Dial(ctx, scheme+"://"+addr, (*ws.Options)(h))
			},
			func(ctx context.Context, addr string, o *Options) (*engine.Listener, error) {
				h, err := o.listening("http/1.1")
				if err != nil {
					return nil, err
				}
				return ws.Listen(ctx, scheme+"://"+addr, (*ws.Options)(h))
			},
		})
	}
	return all
}

func webAddress(addr string) error {
	if u, err := url.Parse("https://" + addr); err != nil || u.Host == "" {
		return errors.New("write host:port/path, as in orders.example/chan or localhost:7000/")
	}
	return nil
}

func (o *Options) http() *httpchan.Options {
	if o == nil {
		return nil
	}
	return &httpchan.Options{
		Engine: o.Engine, Ring: o.Ring, TLS: o.TLS, Header: o.Header, Token: o.Token, Authorize: o.Authorize,
		HandshakeTimeout: o.HandshakeTimeout,
	}
}

// dialling returns the options of a dialer by HTTP.
func (o *Options) dialling() (*httpchan.Options, error) {
	h := o.http()
	if h == nil {
		return nil, nil
	}
	var err error
	h.TLS, err = o.TLSFiles.Dialling(o.TLS)
	return h, err
}

// listening returns the options of a listener by HTTP that speaks these protocols.
func (o *Options) listening(protocols ...string) (*httpchan.Options, error) {
	h := o.http()
	if h == nil {
		return nil, nil
	}
	base := &stdtls.Config{}
	if o.TLS != nil {
		base = o.TLS.Clone()
	}
	base.NextProtos = protocols
	var err error
	h.TLS, err = o.TLSFiles.Listening(base, func(err error) {
		o.logger().Warn("certificate files cannot be read; the former ones go on", "reason", err)
	})
	return h, err
}
