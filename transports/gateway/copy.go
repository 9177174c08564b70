package gateway

import (
	"errors"
	"io"
	"net"
	"os"

	"github.com/corechan/corechan/engine"
)

// A place is where a copy failed.
type place int

const (
	nowhere place = iota
	reading
	writing
)

// Between the two is how much a direction has in user space: little while little comes at a time.
const (
	minBuffer = 4 << 10
	maxBuffer = 64 << 10
)

// spliceStep is how many bytes go between two updates of the counter where the kernel moves them.
const spliceStep = 4 << 20

// copy moves bytes from src to dst until src ends, which gives nil. n counts them.
func (r *relay) copy(dst, src net.Conn, n *tally) (place, error) {
	if r.idle == 0 && isKernel(src) {
		switch dst := dst.(type) {
		case *net.TCPConn:
			return nowhere, parted(spliceToTCP(dst, src, n))
		case *net.UnixConn:
			if tcp, ok := src.(*net.TCPConn); ok {
				moved, err := tcp.WriteTo(dst) // splice(2)
				n.add(moved)
				return nowhere, parted(err)
			}
		}
	}
	buf := make([]byte, minBuffer)
	for {
		got, rerr := src.Read(buf)
		if got > 0 {
			r.moved()
			put, err := dst.Write(buf[:got])
			n.add(int64(put))
			if err != nil {
				return writing, parted(err)
			}
			r.moved()
		}
		switch {
		case errors.Is(rerr, io.EOF):
			return nowhere, nil
		case rerr != nil:
			return reading, parted(rerr)
		case got == len(buf) && got < maxBuffer:
			buf = make([]byte, 2*len(buf))
		}
	}
}

// spliceToTCP has the kernel move the bytes, by splice(2).
func spliceToTCP(dst *net.TCPConn, src net.Conn, n *tally) error {
	for {
		moved, err := dst.ReadFrom(&io.LimitedReader{R: src, N: spliceStep})
		n.add(moved)
		if err != nil || moved < spliceStep {
			return err
		}
	}
}

// parted names the error of a direction whose time was bounded.
func parted(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errParted
	}
	return err
}

func isKernel(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// closeWrite ends one direction of a connection; all of it where it cannot be ended by halves, as nothing else would tell the
// other side.
func closeWrite(c net.Conn) {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
		return
	}
	_ = c.Close()
}

// reset ends a connection so that the other side does not take it for a clean end. A unix socket has no such way.
func reset(c net.Conn, reason error) {
	if s, ok := c.(interface{ CloseWithError(err error) error }); ok {
		_ = s.CloseWithError(&engine.ChannelError{Code: codeReset, Text: reason.Error()})
		return
	}
	inner := c
	if t, ok := c.(interface{ NetConn() net.Conn }); ok { // as a tls.Conn has it
		inner = t.NetConn()
	}
	if l, ok := inner.(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0) // RST
		_ = inner.Close()
	}
	_ = c.Close()
}
