package gateway

import (
	"context"
	"errors"

	"github.com/corechan/corechan/engine"
)

// List returns the offers that the gateway at the other side of a session has for this process, with their counters. Those that
// it may not open are left out.
func List(ctx context.Context, sess *engine.Session, o *DialOptions) ([]OfferStats, error) {
	if o == nil {
		o = &DialOptions{}
	}
	if _, ok := ctx.Deadline(); !ok {
		c, cancel := context.WithTimeoutCause(ctx, openTimeout, noAnswer(sess, openTimeout))
		defer cancel()
		ctx = c
	}
	req, l := listRequest{}, listing{}
	err := ask(ctx, sess, listName, o.Token, &req, &req.Answer, &l)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrNoAnswer) {
		err = cause
	}
	return l.Offers, err
}
