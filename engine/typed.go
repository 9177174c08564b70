package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// A Sender is the sending end of a channel of T. It is a small value: copy it, compare it to its zero value, use it from
// several goroutines at once. T is best a type with the methods that tinylib/msgp generates; others, and any, are encoded by
// reflection, and Raw is bytes.
type Sender[T any] struct {
	end *sendEnd
	ref uint32 // between UnmarshalMsg and Carry
}

// A Receiver is the receiving end of a channel of T, as small and as shareable a value as a Sender.
type Receiver[T any] struct {
	end *recvEnd
	ref uint32
}

// errZero is what the ends' zero values answer.
var errZero = fmt.Errorf("engine: zero Sender or Receiver: get one from Open, Accept or Pipe: %w", errors.ErrUnsupported)

// Send sends the message. It returns when the message is where the peer will find it, also if this process dies
// right after; whether the peer reads it is another matter.
//
// It blocks while the receiver has no room: until ctx is done, the channel or the session ends. The errors: the
// context's; *LimitError for a message that is too large; ErrCanceled, ErrRefused and others in a *ChannelError, from
// the receiver; ErrPeerGone, ErrSessionClosed; os.ErrClosed after Close. v is not kept.
func (s Sender[T]) Send(ctx context.Context, v *T) error {
	if s.end == nil {
		return errZero
	}
	if s.end.given.Load() {
		return errGiven
	}
	return sendMessage(ctx, s.end, v)
}

// Close ends the channel: the receiver gets io.EOF after the messages sent before. It does not block. A second call returns
// os.ErrClosed.
func (s Sender[T]) Close() error { return s.CloseWith(nil) }

// CloseWith ends the channel for a reason: the receiver gets a *ChannelError with its text, at most 1 KiB of it, after
// the messages sent before. If reason is a *ChannelError, its code travels too.
func (s Sender[T]) CloseWith(reason error) error {
	if s.end == nil {
		return errZero
	}
	if s.end.given.Load() {
		return errGiven
	}
	if s.end.pair != nil {
		if err := s.end.pair.sender(); err != nil {
			return err
		}
	}
	return s.end.close(reason)
}

// Name returns the name under which the channel was opened; that of a Pipe is empty.
func (s Sender[T]) Name() string {
	if s.end == nil {
		return ""
	}
	return s.end.name
}

// MaxMessage returns the size of the largest message that can be sent, in bytes of its encoding.
func (s Sender[T]) MaxMessage() int {
	if s.end == nil {
		return 0
	}
	return s.end.maxMessage
}

// Receive waits for the next message and decodes it into v, which must not be nil; nothing of v points into shared memory
// afterwards. Fields that the message does not have keep their values. After an error, the bytes of a []byte that v holds may be others: part
// of a large message, which the next Receive returns whole.
//
// The errors: the context's; io.EOF at a clean end; *ChannelError for an end with a reason; ErrMalformed for a message
// that is not a T, after which the channel goes on; ErrPeerGone, ErrSessionClosed, *ProtocolError for the session's end, after
// everything that arrived before; os.ErrClosed after Close.
func (r Receiver[T]) Receive(ctx context.Context, v *T) error {
	if r.end == nil {
		return errZero
	}
	if r.end.given.Load() {
		return errGiven
	}
	if r.end.pair != nil {
		if err := r.end.pair.receiver(ctx); err != nil {
			return err
		}
	}
	return receiveMessage(ctx, r.end, v, nil)
}

// All returns the messages until the end of the channel. The message is good until the next turn of the loop: each turn decodes into
// the same T, reset to its zero value. A clean end ends the loop; any other error is the last pair, but for ErrMalformed and
// ErrExpired, behind which the channel goes on.
func (r Receiver[T]) All(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		var zero T
		v := new(T)
		for {
			*v = zero
			err := r.Receive(ctx, v)
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.Is(err, ErrMalformed), errors.Is(err, ErrExpired):
				if !yield(nil, err) {
					return
				}
			case err != nil:
				yield(nil, err)
				return
			default:
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

// Close says that no more is wanted: the sender's Sends return ErrCanceled soon, at the latest when it has used up the room
// that it had. Messages that were not received are lost. It does not block. A second call returns os.ErrClosed.
func (r Receiver[T]) Close() error { return r.CloseWith(nil) }

// CloseWith is Close with a reason for the sender.
func (r Receiver[T]) CloseWith(reason error) error {
	if r.end == nil {
		return errZero
	}
	if r.end.given.Load() {
		return errGiven
	}
	if q := r.end.pair; q != nil {
		q.settleHere()
		if q.rGiven {
			return errGiven
		}
		return q.closeReceiver(reason)
	}
	return r.end.close(reason)
}

// Name returns the name under which the channel was opened; that of a Pipe is empty.
func (r Receiver[T]) Name() string {
	if r.end == nil {
		return ""
	}
	return r.end.name
}
