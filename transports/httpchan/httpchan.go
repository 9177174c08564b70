package httpchan

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/internal/web"
	"github.com/corechan/corechan/transports/ws"
)

// Handler returns a handler that is h2.Handler for requests by HTTP/2 and ws.Handler for those that ask for WebSocket; see
// there. Any other request gets a 4xx status and a text that says what this is.
func Handler(serve func(ctx context.Context, s *engine.Session), o *Options) http.Handler {
	return newHandler(&web.Acceptor{Options: o.web(), Serve: serve})
}

func newHandler(a *web.Acceptor) http.Handler {
	return &handler{a, h2.HandlerOf(a), ws.HandlerOf(a)}
}

type handler struct {
	*web.Acceptor
	h2, ws http.Handler
}

// what says what the endpoint is, to those who do not know.
const what = "this is a corechan endpoint: it takes HTTP/2 requests POST with content-type " + h2.ContentType +
	", and WebSocket connections with Sec-WebSocket-Protocol " + ws.Subprotocol

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case web.IsUpgrade(r):
		h.ws.ServeHTTP(w, r)
	case r.ProtoMajor >= 2 && r.Method == http.MethodPost:
		h.h2.ServeHTTP(w, r)
	case r.ProtoMajor >= 2:
		w.Header().Set("Allow", http.MethodPost)
		h.Refuse(w, r, http.StatusMethodNotAllowed, fmt.Errorf("%s, not %s", what, r.Method))
	default:
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		h.Refuse(w, r, http.StatusUpgradeRequired, fmt.Errorf("%s, and this is %s by %s", what, r.Method, r.Proto))
	}
}

// Dial connects to the endpoint at a URL, https:// or h2c://, as h2.Dial does; to https:// by WebSocket, as ws.Dial does, if
// the server or a proxy has only HTTP/1.1, or does not answer the request in time, as a proxy that waits for its end.
// Session.Transport tells which one it became. The session is the caller's to close.
func Dial(ctx context.Context, address string, o *Options) (*engine.Session, error) {
	s, err := h2.Dial(ctx, address, o.h2())
	rest, secure := strings.CutPrefix(address, "https://")
	if !secure || !errors.Is(err, h2.ErrHTTP1) && !errors.Is(err, h2.ErrNoAnswer) || ctx.Err() != nil {
		return s, err
	}
	s, wsErr := ws.Dial(ctx, "wss://"+rest, o.ws())
	if wsErr != nil {
		return nil, fmt.Errorf("%w; and by WebSocket: %w", err, wsErr)
	}
	return s, nil
}

// Listen listens at a URL, https:// or h2c://, by a server of its own, as h2.Listen and ws.Listen do, for both at once. The
// listener is the caller's to close.
func Listen(ctx context.Context, address string, o *Options) (*engine.Listener, error) {
	u, err := web.ParseURL(address, "https", "h2c")
	if err != nil {
		return nil, fmt.Errorf("httpchan: listen: %w", err)
	}
	l, err := web.Listen(ctx, u, u.Scheme == "https", o.web(), true, newHandler)
	if err != nil {
		return nil, fmt.Errorf("httpchan: listen %s: %w", u.Redacted(), err)
	}
	return l, nil
}
