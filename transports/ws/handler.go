package ws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/web"
)

// Handler returns a handler whose requests become sessions, each given to serve on the request's goroutine. When serve
// returns, the session is closed, and ServeHTTP returns when its peer has what was sent, 5 s later at most.
//
// ctx has the values of the request's context. It is not done when the peer goes, for what came before that is still to be
// received; s.Context() is. The session's
// Peer has the request as its Identity and its RemoteAddr as Addr.
//
// It can be mounted in any mux and stand behind any middleware whose ResponseWriter is an http.Hijacker, or has an Unwrap. A
// request that is not one for a session gets a 4xx status and a text that says what this is. HTTP/2 does not carry
// WebSocket here: see package h2.
func Handler(serve func(ctx context.Context, s *engine.Session), o *Options) http.Handler {
	return HandlerOf(&web.Acceptor{Options: o.web(), Serve: serve})
}

// HandlerOf is Handler for this module's other packages.
func HandlerOf(a *web.Acceptor) http.Handler { return &handler{a} }

type handler struct{ *web.Acceptor }

// what says what the endpoint is, to those who do not know.
const what = "this is a corechan endpoint: it takes WebSocket connections with Sec-WebSocket-Protocol " + Subprotocol

// errWriter is a ResponseWriter that does not do what a session needs.
var errWriter = errors.New("middleware hides what the ResponseWriter can do; give its own an Unwrap method")

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !web.IsUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		if r.ProtoMajor < 2 {
			w.Header().Set("Connection", "Upgrade")
		}
		h.Refuse(w, r, http.StatusUpgradeRequired, fmt.Errorf("%s, and this is a %s without Upgrade", what, r.Method))
		return
	}
	if !web.HasToken(r.Header, "Sec-WebSocket-Protocol", Subprotocol) {
		h.Refuse(w, r, http.StatusBadRequest, fmt.Errorf("%s, not %q", what, r.Header.Get("Sec-WebSocket-Protocol")))
		return
	}
	if !h.Authorized(w, r) {
		return
	}
	raw := &web.RawConn{}
	conn, err := websocket.Accept(&hijackWriter{w, http.NewResponseController(w), raw}, r, &websocket.AcceptOptions{
		Subprotocols: []string{Subprotocol}, OriginPatterns: h.Origins, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil { // it has answered
		h.Log(r, err)
		return
	}
	conn.SetReadLimit(-1) // nothing is kept of a message but what is read of it
	s := &stream{conn: conn, raw: raw}
	stop := web.Bound(r.Context(), raw.Cut)
	slow := time.AfterFunc(h.HandshakeTimeout, raw.Cut)
	sess, p, err := h.Greet(r, Transport, s)
	if late := !slow.Stop(); (!stop() || late) && err == nil {
		_ = sess.Close()
		p.Discard()
		err = context.Canceled
	} else if late && err != nil {
		err = fmt.Errorf("no HELLO for %v: %w", h.HandshakeTimeout, err)
	}
	if err != nil {
		_ = conn.CloseNow()
		h.Log(r, fmt.Errorf("handshake: %w", err))
		return
	}
	s.keep = startKeepalive(conn, p, h.Keepalive)
	h.Run(r, sess, p, s.pump())
}
