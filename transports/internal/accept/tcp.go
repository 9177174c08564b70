package accept

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"github.com/corechan/corechan/fd"
)

// Sockets listen at one TCP port: one for each core, or one.
type Sockets struct {
	all   []net.Listener
	cores []int
}

// A Conn is a connection that one of the Sockets accepted.
type Conn struct {
	net.Conn
	Core int // as engine.Link has it
}

// TCP listens at host:port. With several cores there is a socket for each, which gets the connections whose packets arrive
// there.
func TCP(ctx context.Context, addr string, lc *net.ListenConfig, cores []int) (*Sockets, error) {
	first, err := lc.Listen(ctx, "tcp", addr) // alone: a port that another has is refused, also if that one would share it
	if err != nil {
		return nil, err
	}
	if len(cores) < 2 {
		return &Sockets{all: []net.Listener{first}, cores: cores}, nil
	}
	addr = first.Addr().String()
	if err := first.Close(); err != nil {
		return nil, err
	}
	s := &Sockets{cores: cores}
	for _, core := range cores {
		shared := *lc
		shared.Control = func(_, _ string, c syscall.RawConn) (err error) {
			cerr := c.Control(func(n uintptr) {
				err = errors.Join(fd.SetReusePort(int(n)), fd.SetIncomingCPU(int(n), core))
			})
			return errors.Join(cerr, err)
		}
		l, err := shared.Listen(ctx, "tcp", addr)
		if err != nil {
			_ = s.Close()
			return nil, err
		}
		s.all = append(s.all, l)
	}
	return s, nil
}

// Addr returns host:port, the port as it is.
func (s *Sockets) Addr() string { return s.all[0].Addr().String() }

// Close closes all.
func (s *Sockets) Close() error {
	var err error
	for _, l := range s.all {
		err = errors.Join(err, l.Close())
	}
	return err
}

// Accept has a function for each socket, for Config.
func (s *Sockets) Accept() []func() (Conn, error) {
	var all []func() (Conn, error)
	for i, l := range s.all {
		core := 0
		if i < len(s.cores) {
			core = s.cores[i] + 1
		}
		all = append(all, func() (Conn, error) {
			c, err := l.Accept()
			return Conn{c, core}, err
		})
	}
	return all
}

// KeepAlive is when the kernel asks a silent peer whether it is there, where the options do not say: after 30 s to a minute, five
// times.
func KeepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 5}
}

// Spread has connections ask at different times, where the options do not say when: thousands that were made within a second, and
// ask within a millisecond, have each other's questions dropped, again and again.
func Spread(sock int, c net.KeepAliveConfig) error {
	if c != KeepAlive() {
		return nil
	}
	return fd.SetKeepIdle(sock, c.Idle+rand.N(c.Idle))
}

// Off turns package net's own keepalive off where a configuration says so: it is the KeepAlive of a net.Dialer or net.ListenConfig,
// which would turn it on for one that is not enabled.
func Off(c net.KeepAliveConfig) time.Duration {
	if c.Enable {
		return 0
	}
	return -1
}
