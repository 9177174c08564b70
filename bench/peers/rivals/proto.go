package rivals

import (
	"context"

	"github.com/corechan/corechan/bench/peers/echo/echopb"
	"github.com/corechan/corechan/bench/peers/peer"
)

// What those that carry protobuf messages share.

// echoStream checks and answers what comes on a stream.
func echoStream(size int, receive func() (*echopb.Packet, error), send func(*echopb.Packet) error) error {
	order := peer.Order{Size: size}
	for {
		in, err := receive()
		if err != nil {
			if over(err) {
				return nil
			}
			return err
		}
		if err := order.Take(in.Body); err != nil {
			peer.Fail(err)
		}
		if peer.WantsReply(in.Body) {
			if err := send(in); err != nil {
				return err
			}
		}
	}
}

// protoStream is a stream as a Channel.
type protoStream struct {
	send    func(*echopb.Packet) error
	receive func() (*echopb.Packet, error)
	close   func() error
}

func (c *protoStream) Send(msg []byte) error { return c.send(&echopb.Packet{Body: msg}) }

func (c *protoStream) Flush() error { return nil }

func (c *protoStream) Receive([]byte) ([]byte, error) {
	in, err := c.receive()
	return in.GetBody(), err
}

func (c *protoStream) Close() error { return c.close() }

// protoCaller is a client as a Caller.
type protoCaller struct {
	call  func(context.Context, *echopb.Packet) (*echopb.Packet, error)
	close func() error
}

func (c *protoCaller) Call(ctx context.Context, msg, _ []byte) ([]byte, error) {
	out, err := c.call(ctx, &echopb.Packet{Body: msg})
	return out.GetBody(), err
}

func (c *protoCaller) Close() error { return c.close() }
