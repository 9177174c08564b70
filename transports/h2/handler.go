package h2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/pump"
	"github.com/corechan/corechan/transports/internal/web"
)

// Handler returns a handler whose requests become sessions, each given to serve on the request's goroutine. When serve
// returns, the session is closed, and the request ends when its peer has what was sent, 5 s later at most.
//
// ctx has the values of the request's context. It is not done when the peer goes, for what came before that is still to be
// received; s.Context() is. The session's
// Peer has the request as its Identity and its RemoteAddr as Addr.
//
// It can be mounted in any mux and stand behind any middleware whose ResponseWriter lets http.ResponseController through (its
// Unwrap): the response is flushed after each write, and the server's timeouts are lifted. A request that is not one for a
// session gets a 4xx status and a text that says what this is.
//
// The server must have HTTP/2; what its http.Server.HTTP2 says holds, and the sessions' throughput wants
// MaxReceiveBufferPerStream and MaxReceiveBufferPerConnection of 1 MiB or more.
func Handler(serve func(ctx context.Context, s *engine.Session), o *Options) http.Handler {
	return HandlerOf(&web.Acceptor{Options: o.web(), Serve: serve})
}

// HandlerOf is Handler for this module's other packages.
func HandlerOf(a *web.Acceptor) http.Handler { return &handler{Acceptor: a} }

type handler struct {
	*web.Acceptor
	groups groups
}

// what says what the endpoint is, to those who do not know.
const what = "this is a corechan endpoint: it takes HTTP/2 requests POST with content-type " + ContentType

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.ProtoMajor < 2:
		w.Header().Set("Upgrade", "HTTP/2.0")
		h.Refuse(w, r, http.StatusUpgradeRequired, fmt.Errorf("%s, and this one came by %s", what, r.Proto))
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		h.Refuse(w, r, http.StatusMethodNotAllowed, fmt.Errorf("%s, not %s", what, r.Method))
		return
	case r.Header.Get("Content-Type") != ContentType:
		h.Refuse(w, r, http.StatusUnsupportedMediaType, fmt.Errorf("%s, not %q", what, r.Header.Get("Content-Type")))
		return
	}
	if !h.Authorized(w, r) {
		return
	}
	requests, err := wanted(r.Header)
	if err != nil {
		h.Refuse(w, r, http.StatusBadRequest, err)
		return
	}
	c := &conversation{w: w, body: r, rc: http.NewResponseController(w)}
	limit := time.Now().Add(h.HandshakeTimeout)
	if err := c.deadlines(limit); err != nil {
		h.Refuse(w, r, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", ContentType)
	w.Header().Set("Cache-Control", "no-store")
	if id := r.Header.Get(sessionHeader); id != "" {
		h.join(c, id)
		return
	}
	var g *group
	if requests > 1 {
		if g = h.groups.begin(requests, c); g == nil {
			h.Refuse(w, r, http.StatusServiceUnavailable, errors.New("too many sessions wait for their further requests; try again"))
			return
		}
		defer h.groups.end(g)
		w.Header().Set(sessionHeader, g.id)
		w.Header().Set(requestsHeader, strconv.Itoa(requests))
	}
	stop := web.Bound(r.Context(), c.abort)
	s, p, err := h.Greet(r, Transport, c)
	if err == nil && g != nil {
		web.Waits(r)
		if err = g.wait(r.Context(), limit); err != nil {
			_ = s.Close()
			p.Discard()
		}
	}
	if !stop() && err == nil {
		_ = s.Close()
		p.Discard()
		err = context.Cause(r.Context())
	}
	if err != nil {
		h.Log(r, fmt.Errorf("handshake: %w", err))
		return
	}
	_ = c.deadlines(time.Time{})
	if g != nil {
		h.Run(r, s, p, g.stream())
		return
	}
	h.Run(r, s, p, pump.Stream{Read: c.Read, Write: c.write, CloseWrite: c.closeWrite, Abort: c.abort})
}

// A conversation is a request's body and its response, as a stream.
type conversation struct {
	w      http.ResponseWriter
	body   *http.Request
	rc     *http.ResponseController
	header [chunkHeader]byte
	ended  atomic.Bool // nothing more is to be written, and all is
}

// errWriter is a ResponseWriter that does not do what a session needs.
var errWriter = errors.New("middleware hides what the ResponseWriter can do; give its own an Unwrap method")

// deadlines sets those of the request and lifts the server's; the zero time lifts both.
func (c *conversation) deadlines(t time.Time) error {
	_ = c.rc.EnableFullDuplex() // HTTP/2 is
	if err := errors.Join(c.rc.SetReadDeadline(t), c.rc.SetWriteDeadline(t)); err != nil {
		return fmt.Errorf("%w: %w", errWriter, err)
	}
	return nil
}

func (c *conversation) Read(p []byte) (int, error) { return c.body.Body.Read(p) }

// Write implements io.Writer: what is written leaves at once.
func (c *conversation) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err == nil {
		err = c.rc.Flush()
	}
	return n, err
}

func (c *conversation) write(p []byte) error {
	_, err := c.Write(p)
	return err
}

// closeWrite is called when all is written: the handler's return ends the response, once the reader has returned too.
func (c *conversation) closeWrite() {
	c.ended.Store(true)
	_ = c.body.Body.Close()
}

// abort resets the stream, unless all was written.
func (c *conversation) abort() {
	if !c.ended.Load() {
		past := time.Unix(1, 0)
		_ = c.rc.SetReadDeadline(past)
		_ = c.rc.SetWriteDeadline(past)
	}
	_ = c.body.Body.Close()
}
