package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// The errors that a caller may want to tell apart, with errors.Is. Beside them: io.EOF is a channel's clean end, a
// context's own error that of a call whose context ended it, os.ErrClosed a use after one's own Close.
var (
	// ErrPeerGone ends everything on a session whose peer has died or cut the connection without a word. What the peer
	// had sent before is delivered first.
	ErrPeerGone = errors.New("peer is gone")
	// ErrSessionClosed ends the channels of a session that the peer closed in order, after what it had sent before.
	ErrSessionClosed = errors.New("peer closed the session")
	// ErrCanceled ends a sender whose receiver wants no more.
	ErrCanceled = errors.New("receiver cancelled the channel")
	// ErrRefused ends a sender whose channel the peer did not accept.
	ErrRefused = errors.New("peer refused the channel")
	// ErrCodec refuses a channel whose ends use different codecs.
	ErrCodec = errors.New("codecs differ")
	// ErrMalformed is a payload that is not the codec's. The channel goes on; the message is lost.
	ErrMalformed = errors.New("malformed message")
	// ErrLimit is the cause of every LimitError.
	ErrLimit = errors.New("limit exceeded")
	// ErrProtocol is the cause of every ProtocolError.
	ErrProtocol = errors.New("protocol violated")
	// ErrNoCodec refuses a type that has no generated methods.
	ErrNoCodec = errors.New("type has no codec")
	// ErrBellFull is for transports: the peer has taken too few attachments for more to be given now.
	ErrBellFull = errors.New("too many attachments that the peer has not taken")
	// ErrExpired is a value in a message that was not received in time: see Limits.ReferenceExpiry.
	ErrExpired = errors.New("value expired")
	// ErrDraining refuses a channel on a session that is being drained.
	ErrDraining = errors.New("session is draining: it takes no new channels")
	// ErrGiven is the use of an end that was given away in a message.
	ErrGiven = errors.New("end was given away in a message")
	// ErrSlot is a Slot or Lease that was committed, aborted or released before.
	ErrSlot = errors.New("slot or lease is not held any more")
)

// errClosed is what one's own Close leaves behind.
var errClosed = fmt.Errorf("engine: closed here: %w", os.ErrClosed)

// Code says why a channel or session ended. Codes from 256 on are the application's.
type Code uint32

// The codes that corechan itself uses.
const (
	CodeOK       Code = 0 // clean end
	CodeError    Code = 1 // an error of the application, with its text
	CodeCanceled Code = 2 // the receiver wants no more
	CodeRefused  Code = 3 // the channel was not accepted
	CodeCodec    Code = 4 // the ends' codecs differ
	CodeLimit    Code = 5 // a limit of the peer was exceeded
	CodeProtocol Code = 6 // the peer saw the protocol violated
	CodeGone     Code = 7 // the process at the far end of a forwarded channel is gone
	CodeDrained  Code = 8 // the session takes no new channels
)

// A ChannelError is the reason that the other end gave for ending a channel or session.
type ChannelError struct {
	Code Code
	Text string
}

func (e *ChannelError) Error() string {
	switch cause := e.Unwrap(); {
	case cause == nil && e.Text == "":
		return fmt.Sprintf("engine: peer ended with code %d", e.Code)
	case cause == nil:
		return "engine: peer ended with error: " + e.Text
	case e.Text == "":
		return "engine: " + cause.Error()
	default:
		return "engine: " + cause.Error() + ": " + e.Text
	}
}

// Unwrap returns the sentinel that goes with the code, so that errors.Is tells the reasons apart.
func (e *ChannelError) Unwrap() error {
	switch e.Code {
	case CodeCanceled:
		return ErrCanceled
	case CodeRefused:
		return ErrRefused
	case CodeCodec:
		return ErrCodec
	case CodeLimit:
		return ErrLimit
	case CodeProtocol:
		return ErrProtocol
	case CodeGone:
		return ErrPeerGone
	case CodeDrained:
		return ErrDraining
	}
	return nil
}

// A LimitError says which limit was exceeded, by what, and its value.
type LimitError struct {
	// What is limited, with its unit: "message bytes", "open channels".
	What string
	// Got is what was asked for, Limit what is allowed. Got is 0 where only one more was asked for.
	Got, Limit uint64
	// Hint says what raises the limit; it may be empty.
	Hint string
}

func (e *LimitError) Error() string {
	s := fmt.Sprintf("engine: limit of %d %s", e.Limit, e.What)
	if e.Got != 0 {
		s += fmt.Sprintf(" exceeded by %d", e.Got)
	} else {
		s += " reached"
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap returns ErrLimit.
func (e *LimitError) Unwrap() error { return ErrLimit }

// A ProtocolError says what the peer did that no correct peer does. It ends the session.
type ProtocolError struct {
	// What happened.
	What string
	// Err is the cause, where there is one.
	Err error
}

func (e *ProtocolError) Error() string {
	if e.Err == nil {
		return "engine: protocol violated: " + e.What
	}
	return "engine: protocol violated: " + e.What + ": " + e.Err.Error()
}

// Unwrap returns ErrProtocol and the cause.
func (e *ProtocolError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrProtocol}
	}
	return []error{ErrProtocol, e.Err}
}

// reasonOf turns an error given to CloseWith into what travels.
func reasonOf(err error) (Code, string) {
	var ce *ChannelError
	switch {
	case err == nil:
		return CodeOK, ""
	case errors.As(err, &ce):
		return ce.Code, cutText(ce.Text)
	case errors.Is(err, ErrCanceled), errors.Is(err, context.Canceled):
		return CodeCanceled, ""
	case errors.Is(err, ErrPeerGone), errors.Is(err, ErrSessionClosed):
		return CodeGone, ""
	case errors.Is(err, ErrLimit):
		return CodeLimit, cutText(err.Error())
	default:
		return CodeError, cutText(err.Error())
	}
}
