package rivals

import (
	"context"

	"github.com/corechan/corechan/bench/peers/echo"
	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/engine"
)

// handlerPeer answers by a handler, which one loop calls for all sessions: no goroutine for each of them. The near side is oursPeer's.
type handlerPeer struct{ oursPeer }

func (p *handlerPeer) Serve(ctx context.Context, addr string) (string, error) {
	return p.serve(ctx, addr, func(s *engine.Session) error {
		tx, err := engine.Open[echo.Packet](ctx, s, back)
		if err != nil {
			return err
		}
		order := peer.Order{Size: p.c.Size}
		return engine.Handle(s, there, func(ctx context.Context, in *echo.Packet) error {
			if err := order.Take(in.Body); err != nil {
				peer.Fail(err)
			}
			if !peer.WantsReply(in.Body) {
				return nil
			}
			return tx.Send(ctx, in)
		})
	})
}
