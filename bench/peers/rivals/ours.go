package rivals

import (
	"context"
	"fmt"
	"strings"

	"github.com/corechan/corechan/bench/peers/echo"
	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports"
)

// corechan in all its ways to wait, with typed messages over a channel each way; with raw bytes; answered by a handler on a loop; and
// called through a generated client. Where it spins, the loop is on a thread of its own, and the runtime has a second processor for the
// rest; all threads of a process are confined to its core all the same.

func ours() (all []peer.Entry) {
	for _, w := range []struct {
		network string
		wait    engine.Wait
		name    string
	}{
		{"shm", engine.Spin, "spin"},
		{"shm", engine.Hybrid, "hybrid"},
		{"shm", engine.Block, "block"},
		{"unix", engine.Spin, "spin"},
		{"unix", engine.Hybrid, "hybrid"},
		{"unix", engine.Block, "block"},
		{"tcp", engine.Spin, "spin"},
		{"tcp", engine.Hybrid, "hybrid"},
		{"tcp", engine.Block, "block"},
	} {
		entry := func(style string, newPeer func(oursBase) peer.Peer) peer.Entry {
			return peer.Entry{
				Name: "corechan " + style + w.name, Network: w.network, Ours: true, Procs: ourProcs,
				Settings: "wait " + w.name + "; a ring of 256 KiB, of 1 MiB and 8 MiB where as much is in flight; window as large; " +
					"GOMAXPROCS 2, with many connections 1; a burst of messages is flushed",
				New: func(c peer.Case) (peer.Peer, error) {
					if w.wait == engine.Spin && (c.Kind == peer.Calls || c.Kind == peer.Crowd) {
						return nil, peer.Cannot("to spin is for one goroutine on a core")
					}
					return newPeer(oursBase{network: w.network, wait: w.wait, c: c}), nil
				},
			}
		}
		all = append(all, entry("", func(b oursBase) peer.Peer { return &oursPeer{b} }))
		if w.network == "shm" && w.wait != engine.Hybrid {
			all = append(all, entry("raw ", func(b oursBase) peer.Peer { return &rawPeer{b} }))
		}
		if w.wait == engine.Block {
			all = append(all, entry("handler ", func(b oursBase) peer.Peer { return &handlerPeer{oursPeer{b}} }))
		}
		if w.network == "shm" || w.wait == engine.Block {
			all = append(all, entry("service ", func(b oursBase) peer.Peer { return &servicePeer{b} }))
		}
	}
	return all
}

// ourProcs: a thread that polls, or is locked, holds one.
func ourProcs(c peer.Case) int {
	if c.Kind == peer.Crowd {
		return 1
	}
	return 2
}

// oursBase is what all ways to use corechan share.
type oursBase struct {
	network  string
	wait     engine.Wait
	c        peer.Case
	engine   *engine.Engine
	listener *engine.Listener
}

// LocksThread: a locked thread is what perf measures, and what a program with one hot goroutine would have.
func (b *oursBase) LocksThread() bool { return b.c.Kind == peer.Trip || b.c.Kind == peer.Stream }

func (b *oursBase) options() (*transports.Options, error) {
	capacity := 256 << 10
	switch waiting := b.c.Size * b.c.Inflight; { // in the ring at once
	case waiting > 512<<10:
		capacity = 8 << 20
	case waiting > 64<<10:
		capacity = 1 << 20
	}
	if b.engine == nil {
		var err error
		b.engine, err = engine.New(engine.Config{Wait: b.wait, Limits: engine.Limits{Window: uint32(capacity)}})
		if err != nil {
			return nil, err
		}
	}
	return &transports.Options{Engine: b.engine, Ring: ring.Options{Capacity: capacity, Prefault: b.LocksThread()}}, nil
}

// url turns an address into one of corechan's.
func (b *oursBase) url(addr string) string { return b.network + "://" + addr }

// serve listens, and has each session served by a goroutine.
func (b *oursBase) serve(ctx context.Context, addr string, session func(*engine.Session) error) (string, error) {
	o, err := b.options()
	if err != nil {
		return "", err
	}
	if b.listener, err = transports.Listen(ctx, b.url(addr), o); err != nil {
		return "", err
	}
	go func() {
		for {
			s, err := b.listener.Accept(ctx)
			if err != nil {
				return // closed
			}
			go func() {
				if err := session(s); err != nil && !over(err) && !strings.Contains(err.Error(), "gone") {
					peer.Fail(err)
				}
			}()
		}
	}()
	_, where, _ := strings.Cut(b.listener.Addr(), "://")
	return where, nil
}

func (b *oursBase) dial(ctx context.Context, addr string) (*engine.Session, error) {
	o, err := b.options()
	if err != nil {
		return nil, err
	}
	return transports.Dial(ctx, b.url(addr), o)
}

func (b *oursBase) Close() error { return b.listener.Close() }

// The channels' names, as the near side sees them.
const (
	there = "there"
	back  = "back"
)

// nearEnds opens the near side's ends.
func nearEnds[T any](ctx context.Context, s *engine.Session) (tx engine.Sender[T], rx engine.Receiver[T], err error) {
	if tx, err = engine.Open[T](ctx, s, there); err != nil {
		return tx, rx, err
	}
	rx, err = engine.Accept[T](ctx, s, back)
	return tx, rx, err
}

// farEnds opens the far side's ends.
func farEnds[T any](ctx context.Context, s *engine.Session) (rx engine.Receiver[T], tx engine.Sender[T], err error) {
	if tx, err = engine.Open[T](ctx, s, back); err != nil {
		return rx, tx, err
	}
	rx, err = engine.Accept[T](ctx, s, there)
	return rx, tx, err
}

// oursPeer sends a generated message over a channel each way.
type oursPeer struct{ oursBase }

func (p *oursPeer) Serve(ctx context.Context, addr string) (string, error) {
	return p.serve(ctx, addr, func(s *engine.Session) error {
		lock(p.LocksThread())
		rx, tx, err := farEnds[echo.Packet](ctx, s)
		if err != nil {
			return err
		}
		order, in := peer.Order{Size: p.c.Size}, echo.Packet{Body: make([]byte, p.c.Size)}
		for {
			if err := rx.Receive(ctx, &in); err != nil {
				return err
			}
			if err := order.Take(in.Body); err != nil {
				return err
			}
			if !peer.WantsReply(in.Body) {
				continue
			}
			if err := tx.Send(ctx, &in); err != nil {
				return err
			}
		}
	})
}

func (p *oursPeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	s, err := p.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	c := &oursConn{session: s}
	c.tx, c.rx, err = nearEnds[echo.Packet](ctx, s)
	return c, err
}

type oursConn struct {
	session *engine.Session
	tx      engine.Sender[echo.Packet]
	rx      engine.Receiver[echo.Packet]
	out, in echo.Packet
}

func (c *oursConn) Send(msg []byte) error {
	c.out.Body = msg
	return c.tx.Send(context.Background(), &c.out)
}

func (c *oursConn) Flush() error { return c.session.Flush(context.Background()) }

func (c *oursConn) Receive(buf []byte) ([]byte, error) {
	c.in.Body = buf
	err := c.rx.Receive(context.Background(), &c.in)
	return c.in.Body, err
}

func (c *oursConn) Close() error { return c.session.Close() }

// servicePeer calls a generated client.
type servicePeer struct{ oursBase }

func (p *servicePeer) Serve(ctx context.Context, addr string) (string, error) {
	return p.serve(ctx, addr, func(s *engine.Session) error {
		lock(p.LocksThread())
		return echo.ServeEcho(ctx, s, echoService{p.c.Size})
	})
}

// echoService is the service's implementation.
type echoService struct{ size int }

func (e echoService) Call(_ context.Context, p *echo.Packet) (*echo.Packet, error) {
	_, err := peer.Check(p.Body, e.size)
	return p, err
}

func (p *servicePeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	s, err := p.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &serviceConn{s, echo.NewEchoClient(s)}, nil
}

type serviceConn struct {
	session *engine.Session
	client  *echo.EchoClient
}

func (c *serviceConn) Call(ctx context.Context, msg, _ []byte) ([]byte, error) {
	answer, err := c.client.Call(ctx, &echo.Packet{Body: msg})
	if err != nil {
		return nil, err
	}
	if answer == nil {
		return nil, fmt.Errorf("%w: no answer", peer.ErrMismatch)
	}
	return answer.Body, nil
}

func (c *serviceConn) Close() error { return c.session.Close() }
