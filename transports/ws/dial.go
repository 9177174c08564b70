package ws

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/coder/websocket"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/internal/pump"
	"github.com/corechan/corechan/transports/internal/web"
)

// Dial connects to the endpoint at a URL, wss://host:port/path, or ws:// without TLS; a user and password in it are sent as
// basic authentication. The session is the caller's to close.
//
// The errors name the URL and the step, and wrap: those of connecting, and of crypto/tls and crypto/x509 with the
// certificate's fault; a *StatusError, which is ErrUnauthorized or ErrNotCorechan; ErrRefused with the listener's text;
// ErrHandshake, ErrVersion; os.ErrDeadlineExceeded after Options.HandshakeTimeout; the context's. Redirections are not
// followed. HTTP_PROXY and HTTPS_PROXY are heeded as by http.ProxyFromEnvironment.
func Dial(ctx context.Context, address string, o *Options) (*engine.Session, error) {
	u, err := web.ParseURL(address, "wss", "ws")
	if err != nil {
		return nil, fmt.Errorf("ws: dial: %w", err)
	}
	w := o.web()
	d := web.NewDialer(ctx, u, &w)
	s, err := dial(d, u, &w)
	if err = d.Finish(err); err != nil {
		if s != nil {
			_ = s.Close()
		}
		return nil, fmt.Errorf("ws: dial %s: %s: %w", u.Redacted(), d.Step(), err)
	}
	return s, nil
}

func dial(d *web.Dialer, u *url.URL, o *web.Options) (*engine.Session, error) {
	st, err := connect(d, u, o)
	if err != nil {
		return nil, err
	}
	d.Enter("handshake")
	stop := context.AfterFunc(d.Context(false), st.raw.Cut)
	defer stop()
	p, err := pump.New(&o.Ring)
	if err != nil {
		_ = st.conn.CloseNow()
		return nil, err
	}
	said, err := hello.Greet(st, hello.Ours(o.Engine, &o.Ring), true, nil)
	if err != nil {
		_ = st.conn.CloseNow()
		p.Discard()
		return nil, err
	}
	l := p.Link()
	l.Transport, l.Dialer, l.PeerLimits, l.Peer = Transport, true, said.Announced, engine.Peer{Addr: u.Redacted()}
	l.Window = o.Engine.WindowFor(o.Ring.Capacity)
	s, err := engine.NewSession(o.Engine, l)
	if err != nil {
		_ = st.conn.CloseNow()
		p.Discard()
		return nil, err
	}
	st.keep = startKeepalive(st.conn, p, o.Keepalive)
	p.Observed(d.Context(false))
	p.Start(s, st.pump())
	return s, nil
}

// connect makes the WebSocket connection.
func connect(d *web.Dialer, u *url.URL, o *web.Options) (*stream, error) {
	raw := &web.RawConn{}
	tr := web.Transport(o, raw)
	tr.Protocols.SetHTTP1(true)
	defer tr.CloseIdleConnections() // what an answer other than 101 leaves
	at := *u
	at.User = nil
	conn, resp, err := websocket.Dial(d.Context(false), at.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     tr,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader: o.Headers(u), Subprotocols: []string{Subprotocol}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		raw.Cut()
	}
	switch {
	case err == nil && conn.Subprotocol() == Subprotocol:
		conn.SetReadLimit(-1) // nothing is kept of a message but what is read of it
		return &stream{conn: conn, raw: raw}, nil
	case err == nil:
		_ = conn.CloseNow()
		return nil, fmt.Errorf("%w: a WebSocket server that does not know %s", ErrNotCorechan, Subprotocol)
	case resp != nil && !slices.Contains([]int{0, http.StatusSwitchingProtocols}, resp.StatusCode):
		return nil, web.NewStatusError(resp)
	case resp != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotCorechan, err)
	}
	return nil, err
}
