package engine

import (
	"context"
	"errors"
	"io"
	"sync"
)

// Copy receives from from and sends on to until from ends, and returns how many messages it has moved. The channels,
// streams and descriptors in them go along, forwarded from one session to the other. A message is not decoded, nor looked
// at, where both ends have one codec, unless it goes from a Pipe to another process or a lane.
//
// Copy closes neither end, so that one channel can go to several, one after the other, or several to one. To have both
// hear how it ended:
//
//	n, err := engine.Copy(ctx, to, from)
//	_ = to.CloseWith(err)
//	_ = from.CloseWith(err)
//
// The error is nil at from's clean end; else what Receive and Send return: from's end with a reason; to's end,
// such as ErrCanceled when its receiver wants no more, which Copy sees also while from has nothing; the context's. A
// message that was received when Send fails is lost, and what it carries is refused; others stay in from. One that to does not
// take, as it is too large, ends Copy, and so does one that has to be decoded and is malformed: the next Copy goes on
// behind it.
//
// A Sender that takes one message, as Call's does, is closed behind it, and Copy returns os.ErrClosed unless from ended first.
//
// Copies, and other calls, may use the same ends at the same time. A Pipe's Sender is used, and stays in this process, from
// the beginning. While Copy runs, a goroutine polls to's session, lane or Pipe, if it is not from's.
func Copy[T any](ctx context.Context, to Sender[T], from Receiver[T]) (n int64, err error) {
	if to.end == nil || from.end == nil {
		return 0, errZero
	}
	if to.end.pair != nil {
		if err := to.end.pair.sender(); err != nil {
			return 0, err
		}
	}
	polled, _ := from.end.settled()
	inner, stop := to.end.untilEnd(ctx, polled)
	if from.end.pair != nil {
		err = from.end.pair.receiver(inner)
	}
	switch {
	case err != nil:
	case from.end.passesTo(to.end):
		n, err = forwardUntil(inner, from.end, to.end, from.end.next)
	default:
		n, err = copyDecoded(inner, to, from)
	}
	stop()
	return n, copyError(ctx, to.end, err)
}

// copyError turns the error by which a Copy ended into what it returns.
func copyError(ctx context.Context, to *sendEnd, err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	if ended := to.err(); ended != nil && errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return ended
	}
	return err
}

// passesTo reports whether messages may go on as they are. What a Pipe carries is not said in a way that another process
// understands.
func (r *recvEnd) passesTo(s *sendEnd) bool {
	_, local := r.p.owner.(pipeEnd)
	within, _ := s.link()
	return r.codec == s.codec && (within || !local)
}

// copyDecoded is Copy where a message has to be encoded again.
func copyDecoded[T any](ctx context.Context, to Sender[T], from Receiver[T]) (n int64, err error) {
	var zero T
	for v := new(T); ; n++ {
		*v = zero
		if err := from.Receive(ctx, v); err != nil {
			return n, err
		}
		if err := to.Send(ctx, v); err != nil {
			to.end.enc.refuse(v)
			return n, err
		}
	}
}

// refuse ends what a message carries that was received, and then lost.
func (e *encoding) refuse(v any) {
	c := Cargo{within: true, refusing: true} // nothing is made ready for another process
	switch m, ok := v.(Carrier); {
	case e.mode == byReflection:
		_, _ = e.appendReflected(&c, nil, v)
	case e.mode == byPacker:
		_, _ = v.(Packer).Pack(nil, &c)
		if m, ok := v.(interface{ Carry(c *Cargo) error }); ok {
			_ = m.Carry(&c)
		}
	case ok:
		_ = m.Carry(&c)
	}
	for i := range c.items {
		if f := c.items[i].value; f != nil {
			f.closer, _ = f.value.(io.Closer)
		}
		c.items[i].refuse()
	}
}

// untilEnd returns a context that is done once the channel has ended, and sees to it that somebody reads of that, unless
// whoever polls the port polled does. stop ends it, and what it has started.
func (s *sendEnd) untilEnd(parent context.Context, polled *port) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	forget := s.onEnd(cancel)
	var poller sync.WaitGroup
	if s.p != polled {
		poller.Go(func() { _, _, _ = s.p.await(ctx, (*endCondition)(s), nil) })
	}
	return ctx, func() {
		forget()
		cancel()
		poller.Wait()
	}
}

// An endCondition is met when the channel has ended. Who waits for it has a context that ends then.
type endCondition sendEnd

func (c *endCondition) met() bool               { return c.ended.Load() != nil }
func (c *endCondition) signal() <-chan struct{} { return nil }
