package rpc

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/engine"
)

// A serving is one channel whose requests are served.
//
// One goroutine at a time receives, the leader, and runs what it has received in its own place. Most methods are done
// sooner than another goroutine could have begun. For those that are not there is the stand-in: a timer that runs while
// calls come looks every moment whether the leader is in the same call as before. If so it starts another leader, and the
// one before, once its call is over, ends.
//
//	turn:  even: the leader receives    odd: it runs a call in its place
//
//	leader                                 stand-in, every moment
//	  turn = odd                             turn is odd, and the same as a moment ago?
//	  timer runs? else start it              turn: odd -> even by CAS: another leader starts
//	  call, answer                           turn is even, and the same as a moment ago?
//	  turn: odd -> even by CAS                 timer off; look at turn once more
//	  that failed: end
//
// A method that a stand-in had to be called for is slow from then on: its calls begin on goroutines of their own, until
// fastInARow of them in a row were fast.
type serving struct {
	srv    *server
	in     engine.Receiver[Request]
	ctx    context.Context // of the calls
	cancel context.CancelFunc
	bound  bindings // the leader's

	// answers is where those go that have a number. It is set before the first call that has.
	answers engine.Sender[Response]
	// begun are the calls with a number that go on while others are received: those that can be given up.
	begun begun

	turn    atomic.Uint64
	running atomic.Pointer[call] // what the leader runs
	armed   atomic.Bool
	timer   *time.Timer
	seen    uint64 // by the timer

	// active counts the calls that run, but for the leader's. Only leaders, and who overtakes one, add to it: what find has seen holds.
	active atomic.Int64
	calls  sync.WaitGroup // goroutines: leaders, and calls that have one of their own
	ended  chan struct{}
	once   sync.Once
}

// A pace is what was learnt of how long a method takes.
type pace struct{ slow atomic.Int32 }

const (
	// moment is how long a call may hold up others.
	moment     = 200 * time.Microsecond
	fast       = 20 * time.Microsecond
	fastInARow = 8
)

func newServing(ctx context.Context, s *server, in engine.Receiver[Request]) *serving {
	v := &serving{
		srv: s, in: in, bound: bindings{services: s.services}, ended: make(chan struct{}),
	}
	v.bound.serving = v
	v.ctx, v.cancel = context.WithCancel(ctx)
	v.timer = time.AfterFunc(time.Hour, v.standIn)
	v.timer.Stop()
	v.calls.Add(1) // the first leader
	return v
}

// end ends the serving: nothing is received any more.
func (v *serving) end(err error) {
	v.once.Do(func() {
		v.timer.Stop()
		_ = v.in.CloseWith(&engine.ChannelError{Code: engine.CodeCanceled, Text: "it serves no more: " + err.Error()})
		close(v.ended)
	})
}

// lead receives requests until it is overtaken, or the channel ends.
func (v *serving) lead() {
	over := false
	defer func() {
		if !over { // runtime.Goexit in a call, which nobody had overtaken
			v.calls.Add(1)
			go v.lead()
		}
		v.calls.Done()
	}()
	var (
		req  = new(Request)
		meta engine.Meta
	)
	for {
		*req = Request{bound: &v.bound}
		err := v.in.ReceiveWith(v.ctx, req, &meta)
		switch {
		case err == nil:
			if v.take(req, meta.Header, &over); over {
				return
			}
		case errors.Is(err, engine.ErrMalformed), errors.Is(err, engine.ErrExpired):
			v.srv.Logger.Warn("request lost", "reason", err)
		default:
			over = true
			v.end(err)
			return
		}
	}
}

// take sees to a request. over is set if the caller is not the leader any more, also where runtime.Goexit ends it.
func (v *serving) take(req *Request, h engine.Header, over *bool) {
	if req.err != nil || req.entry == nil {
		*over = !v.own(req)
		return
	}
	c := v.newCall(req, h)
	switch p := &req.entry.pace; {
	case req.entry.Inline: // not counted: nobody receives, or ends, meanwhile
		c.run()
	case p.slow.Load() > 0:
		v.begin(c, p.took)
	default:
		v.runInPlace(c, over)
	}
}

// runInPlace runs a call on the leader's goroutine. It is not counted while that leads: who overtakes it does.
func (v *serving) runInPlace(c *call, over *bool) {
	v.running.Store(c)
	turn := v.turn.Add(1)
	if !v.armed.Load() && !v.armed.Swap(true) {
		v.timer.Reset(moment)
	}
	defer func() {
		if !v.turn.CompareAndSwap(turn, turn+1) {
			*over = true
			v.active.Add(-1)
			v.begun.remove(c)
		}
	}()
	c.run()
}

// took is told how long a call of a slow method has taken.
func (p *pace) took(d time.Duration) {
	if d > fast {
		p.slow.Store(fastInARow)
	} else if p.slow.Add(-1) < 0 {
		p.slow.Store(0)
	}
}

// standIn is the timer: see serving.
func (v *serving) standIn() {
	turn := v.turn.Load()
	switch {
	case turn != v.seen:
		v.seen = turn
	case turn%2 != 0:
		c := v.running.Load()
		c.target.pace.slow.Store(fastInARow)
		v.begun.add(c) // before it can be asked for
		v.calls.Add(1) // the leader counts still, so this is no Add from zero
		if v.turn.CompareAndSwap(turn, turn+1) {
			v.active.Add(1) // for the one that was overtaken
			go v.lead()
		} else {
			v.begun.remove(c)
			v.calls.Done()
		}
	default:
		v.armed.Store(false)
		if v.turn.Load() == turn || v.armed.Swap(true) {
			return
		}
	}
	select {
	case <-v.ended:
	default:
		v.timer.Reset(moment)
	}
}

// newCall makes a call of a request.
func (v *serving) newCall(req *Request, h engine.Header) *call {
	base := v.ctx
	if h != nil {
		base = engine.WithHeader(base, h)
	}
	c := &call{v: v, target: req.entry, args: req.call, header: h, ctx: callContext{base: base, srv: v.srv, reply: req.reply, number: req.number}}
	if req.left != 0 {
		c.ctx.by = time.Now().Add(time.Duration(min(req.left, math.MaxInt64/1000)) * time.Microsecond)
	}
	return c
}

// begin has a goroutine of its own make a call, and then calls then.
func (v *serving) begin(c *call, then func(took time.Duration)) {
	v.active.Add(1)
	v.calls.Add(1)
	v.begun.add(c)
	go func() {
		defer v.left()
		defer v.begun.remove(c)
		began := time.Now()
		c.run()
		then(time.Since(began))
	}()
}

// left counts a call that is over.
func (v *serving) left() {
	v.active.Add(-1)
	v.calls.Done()
}

// refuse answers a request that is not called.
func (v *serving) refuse(req *Request, err *Error) {
	switch {
	case req.number != 0:
		_ = v.answers.Send(v.ctx, &Response{err: err, number: req.number})
		return
	case req.reply == (engine.Sender[Response]{}):
		v.srv.Logger.Warn("one-way call refused", "method", req.name(), "reason", err)
		return
	}
	_ = req.reply.Send(v.ctx, &Response{err: err})
}

// answerOn makes to the channel of answers.
func (v *serving) answerOn(to engine.Sender[Response]) error {
	if to == (engine.Sender[Response]{}) || v.answers != (engine.Sender[Response]{}) {
		return fmt.Errorf("rpc: %w: a channel for answers that is none, or one more", engine.ErrProtocol)
	}
	v.answers = to
	return nil
}

// wait waits for the calls and leaders that there are, once the serving has ended, and ends the answers.
func (v *serving) wait() {
	v.calls.Wait()
	if v.answers != (engine.Sender[Response]{}) {
		_ = v.answers.Close()
	}
}

// own sees to what is not a call of a method. It reports whether the caller is still the leader: always, but where the
// channel has ended.
func (v *serving) own(req *Request) bool {
	var err error
	switch {
	case req.err != nil && req.slot == slotSelf && req.method == methodBind:
		err = req.err
	case req.number != 0 && v.answers == (engine.Sender[Response]{}):
		err = fmt.Errorf("rpc: %w: a call by number, and no channel for answers", engine.ErrProtocol)
	case req.err != nil:
		v.refuse(req, req.err)
	case req.method == methodAnswers:
		err = v.answerOn(req.reply)
	case req.method == methodCancel:
		v.begun.giveUp(req.body.(*numberBody).number)
	case req.method == methodBind:
		err = v.bound.bind(req.body.(*bindBody))
	default:
		body := new(describeBody)
		body.fill(v.srv.services)
		_ = req.reply.Send(v.ctx, &Response{body: body})
	}
	if err != nil {
		v.srv.Logger.Warn("channel of calls refused", "reason", err)
		v.end(err)
	}
	return err == nil
}
