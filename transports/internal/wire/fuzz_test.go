package wire_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/socktest"
)

// FuzzSession has a peer send any bytes behind a good handshake, in pieces, with descriptors among them, and hang up. Whatever comes,
// the session ends with an error that is named, and leaves nothing behind.
func FuzzSession(f *testing.F) {
	ping := append(socktest.Open(1, "x"), socktest.Frame(2, 0, 1, 0, "hello")...)
	f.Add(ping, uint16(7), uint8(0))
	f.Add(append(ping, socktest.Frame(4, 0, 1, 0, "")...), uint16(1), uint8(0))
	f.Add(append(ping, socktest.Frame(8, 0, 0, 0, "")...), uint16(100), uint8(0))
	f.Add(append(ping, socktest.Frame(2, 1, 1, 1, "\x01\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00x")...), uint16(16), uint8(1))
	f.Add(ping[:20], uint16(3), uint8(3))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), uint16(9), uint8(0))
	f.Add([]byte{255, 255, 255, 255, 0, 0, 0, 0}, uint16(9), uint8(0))
	// One engine for all: to make its loop takes longer than the rest.
	eng := must(engine.New(engine.Config{Wait: engine.Block}))
	f.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = eng.Shutdown(now)
	})
	f.Fuzz(func(t *testing.T, b []byte, piece uint16, fds uint8) {
		if len(b) > 1<<12 {
			b = b[:1<<12]
		}
		ours, peer := sockets(t, "unix")
		defer peer.Close()
		sess := session(t, stream("unix", ours), eng, false, ring.Options{Capacity: 4096})
		list := make([]int, fds%4)
		for i := range list {
			list[i] = peer.Int()
		}
		go func() { // room for all of it may be there only once the session reads
			for len(b) > 0 {
				n := min(len(b), int(piece)+1)
				if _, err := fd.SendMsg(peer.Int(), b[:n], list, 0); err != nil {
					break
				}
				b = b[n:]
			}
			_ = fd.ShutdownWrite(peer.Int())
		}()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for {
			in, err := engine.Accept[engine.Raw](ctx, sess, "x")
			if err == nil {
				for err == nil {
					err = in.Receive(ctx, new(engine.Raw))
				}
				_ = in.Close()
				var reason *engine.ChannelError
				if errors.Is(err, io.EOF) || errors.As(err, &reason) && sess.Err() == nil || errors.Is(err, engine.ErrCodec) {
					continue
				}
			}
			if errors.Is(err, engine.ErrCodec) {
				continue
			}
			var p *engine.ProtocolError
			if !errors.As(err, &p) && !errors.Is(err, engine.ErrPeerGone) && !errors.Is(err, engine.ErrSessionClosed) {
				t.Fatalf("ended with %v", err)
			}
			break
		}
		if sess.Err() == nil {
			t.Fatal("the session goes on")
		}
		_ = sess.Close()
		if n, err := fd.RecvBytes(peer.Int(), make([]byte, 1<<16), 0); n == 0 && err == nil {
			t.Fatal("nothing, and no end")
		}
	})
}
