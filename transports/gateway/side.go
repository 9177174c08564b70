package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/corechan/corechan/engine"
)

// joinTimeout bounds how long a gateway waits for the peer to make the connection that it may.
const joinTimeout = 5 * time.Second

// errNotJoined ends a connection that the peer has not come for.
var errNotJoined = errors.New("it did not make its connection to here")

// beside lets the peer make a connection beside the session, and moves bytes between that and the upstream until both directions
// have ended. It reports false, having done nothing, where there can be none.
func (c *connection) beside(ctx context.Context, upstream net.Conn, req *request, answered func()) bool {
	sides := c.sess.Sides()
	if !req.Side || sides == nil || c.offer.Proxied || c.offer.IdleTimeout > 0 || !isKernel(upstream) {
		return false
	}
	ticket, wait, err := sides.Expect()
	if err != nil {
		return false
	}
	joining, cancel := context.WithTimeoutCause(ctx, joinTimeout, errNotJoined)
	if err = req.Answer.Send(ctx, &answer{Side: ticket}); err != nil {
		err = fmt.Errorf("client: gone before the answer: %w", err)
		cancel()
	}
	client, werr := wait(joining)
	cancel()
	answered()
	switch {
	case err != nil && client != nil:
		_ = client.Close()
	case err == nil && werr != nil:
		err = fmt.Errorf("client: %w", werr)
	}
	if err != nil {
		_ = upstream.Close()
		c.ended(err)
		return true
	}
	c.side = true
	c.relay(ctx, &relay{client: client, upstream: upstream})
	return true
}

// join makes the connection of an answer with a ticket.
func join(ctx context.Context, sess *engine.Session, ticket []byte) (net.Conn, error) {
	sides := sess.Sides()
	if sides == nil {
		return nil, fmt.Errorf("%w: the answer has a ticket, and the session none to use", engine.ErrMalformed)
	}
	return sides.Join(ctx, ticket)
}
