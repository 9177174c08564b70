package rpc

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/corechan/corechan/engine"
)

// Handle has the peers of a Listener's sessions, or of one Session, call the methods of services on the thread of one of the engine's loops:
//
//	err := rpc.Handle(ln, nil, BookService(book))
//
// Methods marked //corechan:inline run there, one after the other, without a change of goroutine; each other call has a goroutine of its
// own. One that is inline must not block, nor end its goroutine by runtime.Goexit: its loop serves other sessions too. It may answer, and send; while that
// waits for room, the loop reads its session on, as with engine.Handle, whose rules hold here too: register before peers come.
//
// It goes on until the session ends, and then nothing waits for the calls that still run: their contexts are done. Serve, in contrast, needs
// no loop, has a goroutine for each session, and waits. A session that is served by Serve is refused with os.ErrExist, and the other way round.
func Handle(to engine.Handlers, o *ServeOptions, services ...Service) error {
	if _, err := newServer(o, services); err != nil {
		return err
	}
	if sess, ok := to.(*engine.Session); ok && !servingTurn(sess).TryLock() {
		return errServed
	}
	return engine.HandleEach(to, ChannelName, func(ctx context.Context, sess *engine.Session, in engine.Receiver[Request]) engine.ChannelHandler[Request] {
		srv, err := newServer(o, services) // of its own, as its log is the session's
		if err != nil {
			panic(err) // it could be made before
		}
		if srv.Logger == nil {
			srv.Logger = sess.Logger()
		}
		return &looped{v: newServing(ctx, srv, in)}
	})
}

var errServed = fmt.Errorf("rpc: the session is served already: %w: give one Serve or Handle all services", os.ErrExist)

// servingTurn returns what a session's Serve or Handle holds.
func servingTurn(sess *engine.Session) *sync.Mutex {
	return sess.Local(servingKey{}, func() any { return new(sync.Mutex) }).(*sync.Mutex)
}

// A looped is a serving whose leader is a loop. Nobody overtakes that.
type looped struct {
	v    *serving
	req  Request
	once sync.Once
}

// Next implements engine.ChannelHandler.
func (l *looped) Next() *Request {
	l.req = Request{bound: &l.v.bound}
	return &l.req
}

// Message implements engine.ChannelHandler.
func (l *looped) Message(req *Request, m engine.Meta, err error) error {
	v := l.v
	switch {
	case err != nil:
		v.srv.Logger.Warn("request lost", "reason", err)
	case req.err != nil || req.entry == nil:
		if !v.own(req) {
			l.over()
		}
	case req.entry.Inline:
		v.newCall(req, m.Header).run()
	default:
		v.begin(v.newCall(req, m.Header), func(time.Duration) {})
	}
	return nil
}

// End implements engine.ChannelHandler.
func (l *looped) End(err error) {
	l.v.end(err)
	l.over()
}

// over ends the calls; the answers end behind the last.
func (l *looped) over() {
	l.once.Do(func() {
		l.v.cancel()
		l.v.calls.Done() // the loop led
		go l.v.wait()
	})
}
