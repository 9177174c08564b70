package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/corechan/corechan/engine"
)

// What a gateway answers if it opens nothing: the causes of an OpenError.
var (
	// ErrUnknownOffer: there is no offer of that name.
	ErrUnknownOffer = errors.New("no such offer")
	// ErrForbidden: the rules of the offer admit others.
	ErrForbidden = errors.New("forbidden by the offer's rules")
	// ErrUpstream: the gateway cannot reach the endpoint.
	ErrUpstream = errors.New("upstream cannot be reached")
	// ErrBusy: as many connections as are allowed are open.
	ErrBusy = errors.New("too many connections")
	// ErrNoAnswer: nothing came in time. Perhaps the peer is no gateway.
	ErrNoAnswer = errors.New("no answer")
)

// Why a connection ended, beside what the network says.
var (
	// ErrIdle ends a connection on which nothing moved for the offer's IdleTimeout.
	ErrIdle = errors.New("idle for too long")
	// ErrClosed ends the connections of a gateway or Connector that was closed.
	ErrClosed = errors.New("gateway was closed")
)

// An OpenError says why a connection was not opened. Its cause is one of the errors above, or the session's.
type OpenError struct {
	// Offer is the name that was asked for.
	Offer string
	// Err is the cause.
	Err error
	// Text is what the gateway said about it; it may be empty.
	Text string
}

func (e *OpenError) Error() string {
	s := fmt.Sprintf("gateway: open %q: %v", e.Offer, e.Err)
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Err }

// Timeout reports whether time ran out, as net.Error has it.
func (e *OpenError) Timeout() bool {
	return errors.Is(e.Err, ErrNoAnswer) || errors.Is(e.Err, context.DeadlineExceeded)
}

// The codes that travel. They are never changed.
const (
	codeUnknownOffer engine.Code = 256
	codeForbidden    engine.Code = 257
	codeUpstream     engine.Code = 258
	codeBusy         engine.Code = 259
	codeReset        engine.Code = 260 // ends a stream of a connection that broke
)

var codes = []struct {
	code engine.Code
	err  error
}{
	{codeUnknownOffer, ErrUnknownOffer},
	{codeForbidden, ErrForbidden},
	{codeUpstream, ErrUpstream},
	{codeBusy, ErrBusy},
}

// refusal is what travels of an OpenError.
func refusal(e *OpenError) error {
	for _, c := range codes {
		if errors.Is(e.Err, c.err) {
			return &engine.ChannelError{Code: c.code, Text: e.Text}
		}
	}
	return e
}

// openError makes an OpenError of what a call returned.
func openError(offer string, err error) *OpenError {
	var ce *engine.ChannelError
	if errors.As(err, &ce) {
		for _, c := range codes {
			if ce.Code == c.code {
				return &OpenError{Offer: offer, Err: c.err, Text: ce.Text}
			}
		}
	}
	return &OpenError{Offer: offer, Err: err}
}
