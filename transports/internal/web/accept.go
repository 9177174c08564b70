package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/internal/pump"
)

// Serve is what gets the sessions of a handler. When it returns, the session is closed.
type Serve = func(ctx context.Context, s *engine.Session)

// An Acceptor makes sessions of requests.
type Acceptor struct {
	Options
	// Serve gets the sessions.
	Serve Serve
	// Keep leaves a session open when Serve returns: somebody else closes it.
	Keep bool
}

// Refuse answers a request that does not become a session, and logs why.
func (a *Acceptor) Refuse(w http.ResponseWriter, r *http.Request, code int, err error) {
	a.Log(r, err)
	Answer(w, r, code, err.Error())
}

// Answer answers with a status and a line of text.
func Answer(w http.ResponseWriter, r *http.Request, code int, text string) {
	if r.ProtoMajor < 2 && r.ContentLength != 0 { // a body that may have no end: it is not read before the answer
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "corechan: "+text, code)
}

// Log logs why a request has not become a session.
func (a *Acceptor) Log(r *http.Request, err error) {
	a.Engine.Logger().Warn("peer refused", "peer", r.RemoteAddr, "path", r.URL.Path, "protocol", r.Proto, "reason", err)
}

// Authorized answers a request that may not become a session, and reports whether it may.
func (a *Acceptor) Authorized(w http.ResponseWriter, r *http.Request) bool {
	if a.Token != "" && !sameSecret(r.Header.Get("Authorization"), "Bearer "+a.Token) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		a.Refuse(w, r, http.StatusUnauthorized, errors.New("a bearer token is missing or wrong"))
		return false
	}
	if a.Authorize != nil {
		if err := a.Authorize(a.peer(r)); err != nil {
			a.Refuse(w, r, http.StatusForbidden, fmt.Errorf("refused: %w", err))
			return false
		}
	}
	return true
}

// sameSecret compares in a time that depends on neither.
func sameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func (a *Acceptor) peer(r *http.Request) engine.Peer {
	return engine.Peer{Addr: r.RemoteAddr, Identity: r}
}

// Greet shakes hands on the stream that a request has become, and makes the session and its pump, which Run starts. The
// caller bounds it.
func (a *Acceptor) Greet(r *http.Request, transport string, rw io.ReadWriter) (*engine.Session, *pump.Pump, error) {
	p, err := pump.New(&a.Ring)
	if err != nil {
		return nil, nil, err
	}
	l := p.Link()
	l.Transport, l.Context, l.Peer = transport, r.Context(), a.peer(r)
	var s *engine.Session
	_, err = hello.Greet(rw, hello.Ours(a.Engine, &a.Ring), false, func(said hello.Hello) (err error) {
		l.PeerLimits, l.Window = said.Announced, a.Engine.WindowFor(a.Ring.Capacity)
		s, err = engine.NewSession(a.Engine, l)
		return err
	})
	if err != nil {
		if s != nil {
			_ = s.Close()
		}
		p.Discard()
		return nil, nil, err
	}
	return s, p, nil
}

// Bound has f called if ctx ends before stop is. stop reports whether f was not called; if it was, it has returned.
func Bound(ctx context.Context, f func()) (stop func() bool) {
	called := make(chan struct{})
	undo := context.AfterFunc(ctx, func() {
		defer close(called)
		f()
	})
	return func() bool {
		if undo() {
			return true
		}
		<-called
		return false
	}
}

// Run serves a session until its stream has come to its end.
func (a *Acceptor) Run(r *http.Request, s *engine.Session, p *pump.Pump, stream pump.Stream) {
	p.Observed(r.Context())
	p.Start(s, stream)
	defer func() {
		if !a.Keep {
			_ = s.Close() // also where Serve has panicked
		}
		<-p.Closed()
		if err := p.Err(); err != nil {
			a.Engine.Logger().Warn("connection lost", "peer", r.RemoteAddr, "transport", s.Transport(), "reason", err)
		}
	}()
	a.Serve(context.WithoutCancel(s.Context()), s) // Receive tells of the end, behind what came
}
