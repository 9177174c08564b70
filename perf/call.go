package perf

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/measure"
)

// The loops of the calls. One call at a time is made by the near thread itself; several at a time by goroutines, which the
// runtime puts where it likes. The far thread answers all, one after the other.

// asker is the near half.
type asker struct {
	*conversation
	tx      engine.Sender[ask]
	callers []*caller     // that make the calls
	batches []chan *batch // one for each caller but a single one, which the near thread is
}

// caller makes one call at a time.
type caller struct {
	half *asker
	out  ask
	in   Message
}

// batch is what the callers share: each takes the next sample that is free, until there is none.
type batch struct {
	next    atomic.Int64
	_       [56]byte
	samples []int64 // of calls; nil: they do not count
	n       int64
	callers sync.WaitGroup
	failed  atomic.Pointer[error]
}

func newCall(ctx context.Context, e *env, c *conversation) (measure.Half, error) {
	if c.side == measure.Far {
		rx, err := engine.Accept[ask](ctx, c.session, there)
		if err != nil {
			return nil, err
		}
		return newAnswerer(e, c, rx)
	}
	tx, err := openSender[ask](ctx, e, c.session, there)
	if err != nil {
		return nil, err
	}
	h := &asker{conversation: c, tx: tx}
	for range e.config.Inflight {
		one := &caller{half: h}
		if one.out.Message, one.in, err = newAsk(e.config.Size); err != nil {
			return nil, err
		}
		h.callers = append(h.callers, one)
	}
	if len(h.callers) == 1 {
		return h, nil
	}
	for _, one := range h.callers {
		batches := make(chan *batch)
		h.batches = append(h.batches, batches)
		go func() {
			for b := range batches {
				one.run(b)
				b.callers.Done()
			}
		}()
	}
	return h, nil
}

// newAsk makes what a request of that size has beside its channel, and an answer of that size to decode into.
func newAsk(size int) (request, answer Message, err error) {
	pad, err := carrierPad(size)
	if err != nil {
		return request, answer, err
	}
	answer, err = NewMessage(size)
	return Message{Seq: firstSeq, Pad: make([]byte, pad)}, answer, err
}

func (h *asker) Run(s *measure.Slice) error {
	if err := h.make(s.Warm, nil); err != nil {
		return h.ended(err)
	}
	s.Begin = h.clock.Now()
	err := h.make(s.Count, s.Samples)
	s.End = h.clock.Now()
	return h.ended(err)
}

// make makes n calls.
func (h *asker) make(n int, samples []int64) error {
	b := &batch{samples: samples, n: int64(n)}
	if len(h.callers) == 1 {
		h.callers[0].run(b)
	} else {
		b.callers.Add(len(h.callers))
		for _, c := range h.batches {
			c <- b
		}
		b.callers.Wait()
	}
	if err := b.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// run makes calls until the batch is done. The time of one is all that Call takes.
func (c *caller) run(b *batch) {
	ctx, h := context.Background(), c.half
	last := h.clock.Now()
	for {
		i := b.next.Add(1) - 1
		if i >= b.n {
			return
		}
		c.out.Seq++
		c.out.Sent = h.clock.Unix(last)
		err := engine.Call(ctx, h.tx, &c.out, &c.out.Reply, &c.in)
		if err == nil {
			err = check(c.in.Seq, c.out.Seq)
		}
		if err != nil {
			why := err // err itself would be allocated for each call
			b.failed.CompareAndSwap(nil, &why)
			b.next.Store(b.n)
			return
		}
		now := h.clock.Now()
		if b.samples != nil {
			b.samples[i] = now - last
		}
		last = now
	}
}

func (h *asker) Close() error {
	for _, c := range h.batches {
		close(c)
	}
	return h.conversation.Close()
}

// answerer is the far half.
type answerer struct {
	*conversation
	rx  engine.Receiver[ask]
	in  ask
	out Message
}

func newAnswerer(e *env, c *conversation, rx engine.Receiver[ask]) (_ measure.Half, err error) {
	h := &answerer{conversation: c, rx: rx}
	h.in.Message, h.out, err = newAsk(e.config.Size)
	return h, err
}

func (h *answerer) Run(s *measure.Slice) error {
	return h.ended(h.answer(s.Warm + s.Count))
}

func (h *answerer) answer(n int) error {
	ctx := context.Background()
	for range n {
		if err := h.rx.Receive(ctx, &h.in); err != nil {
			return err
		}
		h.out.Seq, h.out.Sent = h.in.Seq, h.in.Sent
		if err := h.in.Reply.Send(ctx, &h.out); err != nil {
			return err
		}
	}
	return nil
}
