package rivals

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.nanomsg.org/mangos/v3"
	"go.nanomsg.org/mangos/v3/protocol/pair"
	_ "go.nanomsg.org/mangos/v3/transport/ipc"
	_ "go.nanomsg.org/mangos/v3/transport/tcp"

	"github.com/corechan/corechan/bench/peers/peer"
)

// mangos, nanomsg's protocols in Go: a PAIR for each connection, at an address of its own, as a PAIR has one partner.

func mangoses() (all []peer.Entry) {
	for network, scheme := range map[string]string{"unix": "ipc", "tcp": "tcp"} {
		all = append(all, peer.Entry{
			Name: "mangos", Network: network, Module: "go.nanomsg.org/mangos/v3", Settings: "PAIR, queues of 128 messages, pooled messages",
			New: func(c peer.Case) (peer.Peer, error) { return &mangosPeer{scheme: scheme, c: c}, nil },
		})
	}
	if all[0].Network == "tcp" {
		all[0], all[1] = all[1], all[0]
	}
	return all
}

type mangosPeer struct {
	scheme  string
	c       peer.Case
	sockets []mangos.Socket
	dialled atomic.Int64
}

func (p *mangosPeer) socket() (mangos.Socket, error) {
	s, err := pair.NewSocket()
	if err != nil {
		return nil, err
	}
	for option, value := range map[string]any{
		mangos.OptionReadQLen: 128, mangos.OptionWriteQLen: 128, mangos.OptionMaxRecvSize: 16 << 20,
	} {
		if err := s.SetOption(option, value); err != nil {
			return nil, fmt.Errorf("%s: %w", option, err)
		}
	}
	p.sockets = append(p.sockets, s)
	return s, nil
}

func (p *mangosPeer) Serve(ctx context.Context, addr string) (string, error) {
	addrs, err := several(ctx, p.scheme == "tcp", addr, p.c.Conns)
	if err != nil {
		return "", err
	}
	for _, a := range addrs {
		s, err := p.socket()
		if err != nil {
			return "", err
		}
		if err := s.Listen(p.scheme + "://" + a); err != nil {
			return "", err
		}
		go func() {
			if err := p.echo(s); !over(err) {
				peer.Fail(err)
			}
		}()
	}
	return strings.Join(addrs, ","), nil
}

// echo answers until an error.
func (p *mangosPeer) echo(s mangos.Socket) error {
	order := peer.Order{Size: p.c.Size}
	for {
		m, err := s.RecvMsg()
		if err != nil {
			return err
		}
		if err := order.Take(m.Body); err != nil {
			return err
		}
		if !peer.WantsReply(m.Body) {
			m.Free()
			continue
		}
		if err := s.SendMsg(m); err != nil {
			return err
		}
	}
}

func (p *mangosPeer) Dial(_ context.Context, addr string) (peer.Conn, error) {
	s, err := p.socket()
	if err != nil {
		return nil, err
	}
	connected := make(chan struct{}, 1)
	s.SetPipeEventHook(func(e mangos.PipeEvent, _ mangos.Pipe) {
		if e == mangos.PipeEventAttached {
			connected <- struct{}{}
		}
	})
	if err := s.Dial(p.scheme + "://" + strings.Split(addr, ",")[p.dialled.Add(1)-1]); err != nil {
		return nil, err
	}
	select {
	case <-connected:
		return &mangosConn{Socket: s}, nil
	case <-time.After(5 * time.Second):
		return nil, fmt.Errorf("not connected after 5 s")
	}
}

func (p *mangosPeer) Close() error {
	for _, s := range p.sockets {
		_ = s.Close()
	}
	return nil
}

type mangosConn struct {
	mangos.Socket
	last *mangos.Message // whose bytes the user has
}

func (c *mangosConn) Send(msg []byte) error {
	m := mangos.NewMessage(len(msg))
	m.Body = append(m.Body, msg...)
	return c.SendMsg(m)
}

func (c *mangosConn) Flush() error { return nil }

func (c *mangosConn) Receive([]byte) ([]byte, error) {
	if c.last != nil {
		c.last.Free()
		c.last = nil
	}
	m, err := c.RecvMsg()
	if err != nil {
		return nil, err
	}
	c.last = m
	return m.Body, nil
}

// several returns n addresses, for those that need one for each connection.
func several(ctx context.Context, tcp bool, addr string, n int) (all []string, err error) {
	if tcp {
		return freePorts(ctx, n)
	}
	for i := range n {
		all = append(all, fmt.Sprintf("%s.%d", addr, i))
	}
	return all, nil
}

// freePorts returns addresses that nobody listens at, for those that cannot be asked which port they were given.
func freePorts(ctx context.Context, n int) (all []string, err error) {
	for range n {
		l, err := listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all at the end: none is given twice
		all = append(all, l.Addr().String())
	}
	return all, nil
}
