package engine

import "context"

// A ChannelHandler is what HandleEach calls about one channel: on the thread of the session's loop, one call after the other.
type ChannelHandler[T any] interface {
	// Next returns what the next message is to be decoded into.
	Next() *T
	// Message gets it, or err if it is not a T: what it carried is refused then. The channel goes on, unless Message returns an error: that
	// ends it. It must not block, as the f of Handle. v is the handler's.
	Message(v *T, m Meta, err error) error
	// End says that the channel has ended, as Receive's error would. It need not come where the session ends: ctx is done then.
	End(err error)
}

// HandleEach is Handle where each channel has a handler of its own: begin makes it, when a peer has opened the channel. ctx is done when
// the session ends.
func HandleEach[T any](to Handlers, name string, begin func(ctx context.Context, s *Session, r Receiver[T]) ChannelHandler[T]) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := mayDecode[T](to.engine()); err != nil {
		return err
	}
	return to.addHandler(name, eachHandler[T](begin))
}

type eachHandler[T any] func(ctx context.Context, s *Session, r Receiver[T]) ChannelHandler[T]

func (begin eachHandler[T]) attach(s *Session, r *recvEnd) {
	if admit[T](s.ctx, s, r) != nil {
		return
	}
	h := begin(s.ctx, s, Receiver[T]{end: r})
	r.p.mu.Lock()
	r.handler = func(payload []byte, c *Cargo, err error) {
		if err != nil {
			h.End(err)
			return
		}
		var m Meta
		if c != nil {
			m.Header = c.header
		}
		v := h.Next()
		err = decodeInto(r.enc, payload, c, v)
		if err == nil && r.p.intercepted {
			err = r.interceptReceive(s.ctx, any(v), m.Header)
		}
		if err = h.Message(v, m, err); err != nil {
			_ = r.close(err)
		}
	}
	r.p.mu.Unlock()
	s.runLane(r)
}
