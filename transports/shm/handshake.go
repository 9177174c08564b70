package shm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/internal/membarrier"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/hello"
)

var (
	// ErrHandshake is a handshake that is not corechan's: another protocol on this socket, or a broken peer.
	ErrHandshake = hello.ErrHandshake
	// ErrVersion is a peer that speaks another version.
	ErrVersion = hello.ErrVersion
	// ErrRefused is a listener's refusal; its text says why.
	ErrRefused = hello.ErrRefused
)

// A conn is a connected control socket during the handshake.
type conn struct {
	sock     *fd.FD
	deadline time.Time
	recv     fd.Receiver
}

// read fills p, with the descriptors that come along, before the deadline.
func (c *conn) read(p []byte) (fds []*fd.FD, err error) {
	defer func() {
		if err != nil {
			closeFDs(fds)
			fds = nil
		}
	}()
	for n := 0; n < len(p); {
		left := time.Until(c.deadline)
		if left <= 0 {
			return fds, os.ErrDeadlineExceeded
		}
		// In the blocking call: a handshake has a thread for its short life. At least 1 ms, for 0 means for ever.
		if err := fd.SetReceiveTimeout(c.sock.Int(), max(left, time.Millisecond)); err != nil {
			return fds, err
		}
		c.recv.MaxFDs = 1
		m, got, err := c.recv.Recv(c.sock.Int(), p[n:], 0)
		fds = append(fds, got...)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			continue // the deadline, or nearly
		case errors.Is(err, io.EOF) && n > 0:
			return fds, io.ErrUnexpectedEOF
		case err != nil:
			return fds, err
		case len(fds) > 1:
			return fds, fmt.Errorf("%w: %d descriptors", ErrHandshake, len(fds))
		}
		n += m
	}
	return fds, nil
}

// readMessage reads one message of the handshake.
func (c *conn) readMessage() (hello.Hello, *fd.FD, error) {
	var buf [hello.MaxSize]byte
	fds, err := c.read(buf[:hello.PrefixSize])
	if err != nil {
		return hello.Hello{}, nil, err
	}
	a, more, err := c.readRest(buf[:])
	fds = append(fds, more...)
	if err == nil && len(fds) != 1 {
		err = fmt.Errorf("%w: %d descriptors, not 1", ErrHandshake, len(fds))
	}
	if err != nil {
		closeFDs(fds)
		return hello.Hello{}, nil, err
	}
	return a, fds[0], nil
}

// readSegment reads the peer's HELLO and maps its segment.
func (c *conn) readSegment(o *Options) (hello.Hello, *ring.Segment, error) {
	said, f, err := c.readMessage()
	if err != nil {
		return hello.Hello{}, nil, err
	}
	defer f.Close()
	s, err := ring.Open(f, o.MaxRing, o.Ring.Prefault)
	if err == nil && s.Capacity() == 0 {
		_ = s.Close()
		err = fmt.Errorf("%w: segment without records", ErrHandshake)
	}
	if err != nil {
		return hello.Hello{}, nil, err
	}
	return said, s, nil
}

func (c *conn) readRest(buf []byte) (a hello.Hello, fds []*fd.FD, err error) {
	_, n, err := hello.ParsePrefix(buf)
	if err != nil {
		return a, nil, err
	}
	if n == hello.PrefixSize {
		_, err = hello.Parse(buf[:n])
		return a, nil, err
	}
	fds, err = c.read(buf[hello.PrefixSize:n])
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return a, nil, err
	}
	a, err = hello.Parse(buf[:n])
	return a, fds, err
}

// write sends a message: it is small, and the socket's buffer empty.
func (c *conn) write(p []byte, f *fd.FD) error {
	var fds []int
	if f != nil {
		fds = []int{f.Int()}
	}
	n, err := fd.SendMsg(c.sock.Int(), p, fds, fd.DontWait)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// shake does either side of the handshake and returns the session's link. The socket is the link's, or still the
// caller's on error.
func shake(sock *fd.FD, o *Options, dialer bool, addr string) (l *engine.Link, err error) {
	c := &conn{sock: sock, deadline: time.Now().Add(o.HandshakeTimeout)}
	cred, err := fd.PeerCred(sock.Int())
	if err != nil {
		return nil, err
	}
	peer := engine.Peer{Local: true, Cred: cred, Addr: Transport + "://" + addr}
	if err := o.authorize(peer); err != nil {
		if !dialer {
			_ = c.write(hello.EncodeRefuse(err.Error()), nil)
		}
		return nil, err
	}
	own, ownFD, err := ring.Create("corechan", &o.Ring)
	if err != nil {
		if !dialer {
			_ = c.write(hello.EncodeRefuse(err.Error()), nil)
		}
		return nil, err
	}
	defer func() {
		_ = ownFD.Close()
		if err != nil {
			_ = own.Close()
		}
	}()
	limits := o.Engine.Limits()
	ours := hello.Hello{Announced: engine.Announced{Window: limits.Window, MaxMessage: limits.MaxMessage}, Flags: hello.FlagStamps}
	if o.Engine.Wait() != engine.Block && membarrier.Available() {
		// Who sleeps after every message would interrupt the peer that it has just woken.
		ours.Flags |= hello.FlagBarrier
	}
	if dialer {
		// A listener may have refused and hung up before it was greeted; then what it said can be read all the same.
		if err := c.write(hello.Encode(ours), ownFD); err != nil && !errors.Is(err, syscall.EPIPE) {
			return nil, err
		}
	}
	said, theirs, err := c.readSegment(o)
	var b *bell
	if err == nil {
		if b, err = newBell(sock, o.Engine); err != nil {
			_ = theirs.Close()
		}
	}
	if err != nil {
		if !dialer {
			_ = c.write(hello.EncodeRefuse(err.Error()), nil)
		}
		return nil, err
	}
	if !dialer {
		if err := c.write(hello.Encode(ours), ownFD); err != nil {
			_ = b.Close()
			_ = theirs.Close()
			return nil, err
		}
	}
	var barrier func()
	if ours.Flags&said.Flags&hello.FlagBarrier != 0 {
		barrier = membarrier.Machine
	}
	l = newLink(own, theirs, b, o, barrier)
	l.Stamps = ours.Flags&said.Flags&hello.FlagStamps != 0
	l.Dialer, l.Peer, l.PeerLimits = dialer, peer, said.Announced
	return l, nil
}

// newLink makes a link of two segments, which it owns.
func newLink(own, theirs *ring.Segment, b *bell, o *Options, barrier func()) *engine.Link {
	return &engine.Link{
		Producer: ring.NewProducer(own, theirs), Consumer: ring.NewConsumer(own, theirs), Bell: b,
		Barrier: barrier, Lanes: &lanes{o, barrier}, Descriptors: true, Transport: Transport, MaxRecord: own.MaxRecord(),
		Close: func() error { return errors.Join(own.Close(), theirs.Close()) },
	}
}

func closeFDs(list []*fd.FD) {
	for _, f := range list {
		if f != nil {
			_ = f.Close()
		}
	}
}

// session does the handshake on a connected socket, which is its own from then on.
func session(ctx context.Context, sock *fd.FD, o *Options, dialer bool, addr string) (*engine.Session, error) {
	shut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = fd.Shutdown(sock.Int())
		close(shut)
	})
	l, err := shake(sock, o, dialer, addr)
	stopped := stop()
	if !stopped {
		<-shut // it uses the number of the socket, which is closed below
	}
	if !stopped && err == nil {
		_ = l.Bell.Close()
		_ = l.Close()
		return nil, ctx.Err()
	}
	if err != nil {
		_ = sock.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	s, err := engine.NewSession(o.Engine, l)
	if err != nil {
		return nil, err
	}
	l.Bell.(*bell).OnGone(s.PeerGone)
	return s, nil
}
