package rivals

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/corechan/corechan/bench/peers/peer"
)

// net.Conn as a good program uses it: a length of four bytes before each message, buffers at both ends, and a write only when there is
// nothing more to add. What is added may wait for ever, though, which corechan's messages do not: so there is the same with a write for
// each message.

func netConns() (all []peer.Entry) {
	for _, network := range []string{"unix", "tcp"} {
		all = append(all, peer.Entry{
			Name: "net.Conn", Network: network,
			Settings: "messages behind a length, bufio of 64 KiB at both ends; messages one way are held back until the buffer is full",
			New: func(c peer.Case) (peer.Peer, error) {
				return &netPeer{network: network, size: c.Size}, nil
			},
		})
	}
	for _, network := range []string{"unix", "tcp"} {
		all = append(all, peer.Entry{
			Name: "net.Conn write each", Network: network, Settings: "the same, and each message is written at once",
			New: func(c peer.Case) (peer.Peer, error) {
				if c.Kind != peer.Stream {
					return nil, peer.Cannot("it differs from net.Conn in messages that go one way only")
				}
				return &netPeer{network: network, size: c.Size, each: true}, nil
			},
		})
	}
	return all
}

type netPeer struct {
	network  string
	size     int
	each     bool // write each message at once
	listener net.Listener
}

func (p *netPeer) Serve(ctx context.Context, addr string) (string, error) {
	var err error
	if p.listener, err = listen(ctx, p.network, addr); err != nil {
		return "", err
	}
	go accept(p.listener, func(conn net.Conn) error { return echoFramed(newFramed(conn), p.size) })
	return p.listener.Addr().String(), nil
}

func (p *netPeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	conn, err := dial(ctx, p.network, addr)
	if err != nil {
		return nil, err
	}
	f := newFramed(conn)
	f.each = p.each
	return f, nil
}

func (p *netPeer) Close() error { return p.listener.Close() }

// bufferSize is what both ends have in front of the socket.
const bufferSize = 64 << 10

// framed sends messages, each behind its length, over a connection.
type framed struct {
	net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	each bool    // flush each message
	head [4]byte // of what is sent
	got  [4]byte // of what is received
}

func newFramed(conn net.Conn) *framed {
	return &framed{Conn: conn, in: bufio.NewReaderSize(conn, bufferSize), out: bufio.NewWriterSize(conn, bufferSize)}
}

func (f *framed) Send(msg []byte) error {
	binary.LittleEndian.PutUint32(f.head[:], uint32(len(msg)))
	if _, err := f.out.Write(f.head[:]); err != nil {
		return err
	}
	if _, err := f.out.Write(msg); err != nil || !f.each {
		return err
	}
	return f.out.Flush()
}

func (f *framed) Flush() error { return f.out.Flush() }

func (f *framed) Receive(buf []byte) ([]byte, error) {
	if _, err := io.ReadFull(f.in, f.got[:]); err != nil {
		return nil, err
	}
	n := int(binary.LittleEndian.Uint32(f.got[:]))
	if n > len(buf) {
		return nil, fmt.Errorf("%w: one of %d bytes", peer.ErrMismatch, n)
	}
	_, err := io.ReadFull(f.in, buf[:n])
	return buf[:n], err
}

// echoFramed checks and answers what comes. Answers are written when nothing more has come meanwhile.
func echoFramed(f *framed, size int) error {
	order, buf := peer.Order{Size: size}, make([]byte, size)
	for {
		b, err := f.Receive(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := order.Take(b); err != nil {
			return err
		}
		if !peer.WantsReply(b) {
			continue
		}
		if err := f.Send(b); err != nil {
			return err
		}
		if f.in.Buffered() == 0 {
			if err := f.Flush(); err != nil {
				return err
			}
		}
	}
}
