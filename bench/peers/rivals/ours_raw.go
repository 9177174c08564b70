package rivals

import (
	"context"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/measure"
)

// rawPeer writes and reads bytes in place; each byte is written by the sender and read by the receiver all the same.
type rawPeer struct{ oursBase }

func (p *rawPeer) Serve(ctx context.Context, addr string) (string, error) {
	return p.serve(ctx, addr, func(s *engine.Session) error {
		lock(p.LocksThread())
		rx, tx, err := farEnds[engine.Raw](ctx, s)
		if err != nil {
			return err
		}
		c := &rawConn{session: s, tx: tx, rx: rx}
		order, buf := peer.Order{Size: p.c.Size}, make([]byte, p.c.Size)
		for {
			b, err := c.Receive(buf)
			if err != nil {
				return err
			}
			if err := order.Take(b); err != nil {
				return err
			}
			if !peer.WantsReply(b) {
				continue
			}
			if err := c.Send(b); err != nil {
				return err
			}
		}
	})
}

func (p *rawPeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	s, err := p.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	c := &rawConn{session: s}
	c.tx, c.rx, err = nearEnds[engine.Raw](ctx, s)
	return c, err
}

type rawConn struct {
	session *engine.Session
	tx      engine.Sender[engine.Raw]
	rx      engine.Receiver[engine.Raw]
}

func (c *rawConn) Send(msg []byte) error {
	slot, err := c.tx.Reserve(context.Background(), len(msg))
	if err != nil {
		return err
	}
	copy(slot.Bytes(), msg)
	return slot.Commit(len(msg))
}

func (c *rawConn) Flush() error { return c.session.Flush(context.Background()) }

func (c *rawConn) Receive(buf []byte) ([]byte, error) {
	lease, err := c.rx.Lease(context.Background())
	if err != nil {
		return nil, err
	}
	b := buf[:min(len(lease.Bytes()), len(buf))]
	measure.Drain(b, lease.Bytes()) // a message of another size is found by the check of the number at its end
	return b, lease.Release()
}

func (c *rawConn) Close() error { return c.session.Close() }
