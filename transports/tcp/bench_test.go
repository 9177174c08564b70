package tcp_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/tcp"
)

// BenchmarkPingPong compares round trips of 64 bytes within this process: of messages, of a net.Conn, and of blocking system
// calls.
func BenchmarkPingPong(b *testing.B) {
	for _, w := range []engine.Wait{engine.Block, engine.Hybrid} {
		b.Run("session/"+w.String(), func(b *testing.B) {
			ea, eb := must(engine.New(engine.Config{Wait: w})), must(engine.New(engine.Config{Wait: w}))
			sa, sb := connect(b, ea, eb)
			pingPong(b, sa, sb)
		})
	}
	b.Run("conn", func(b *testing.B) {
		a, c := conns(b)
		go func() { _, _ = io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{c}, make([]byte, 64)) }()
		buf := make([]byte, 64)
		for b.Loop() {
			must(a.Write(buf))
			must(io.ReadFull(a, buf))
		}
	})
	b.Run("syscalls", func(b *testing.B) {
		a, c := conns(b)
		fa, fc := must(fd.Of(a)), must(fd.Of(c))
		if err := fd.SetBlocking(fa.Int(), true); err != nil {
			b.Fatal(err)
		}
		if err := fd.SetBlocking(fc.Int(), true); err != nil {
			b.Fatal(err)
		}
		go func() {
			runtime.LockOSThread()
			buf := make([]byte, 64)
			for {
				if _, err := fd.RecvBytes(fc.Int(), buf, 0); err != nil {
					return
				}
				must(fd.SendBytes(fc.Int(), buf))
			}
		}()
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		buf := make([]byte, 64)
		for b.Loop() {
			must(fd.SendBytes(fa.Int(), buf))
			must(fd.RecvBytes(fa.Int(), buf, 0))
		}
		_ = fd.ShutdownWrite(fa.Int())
		fa.Close()
	})
}

// BenchmarkStream sends messages of 64 bytes one way, against one write for each.
func BenchmarkStream(b *testing.B) {
	for _, w := range []engine.Wait{engine.Block, engine.Hybrid} {
		b.Run("session/"+w.String(), func(b *testing.B) {
			ea, eb := must(engine.New(engine.Config{Wait: w})), must(engine.New(engine.Config{Wait: w}))
			sa, sb := connect(b, ea, eb)
			ctx := context.Background()
			s := must(engine.Open[engine.Raw](ctx, sa, "stream"))
			r := must(engine.Accept[engine.Raw](ctx, sb, "stream"))
			done := make(chan struct{})
			go func() {
				defer close(done)
				var m engine.Raw
				for r.Receive(ctx, &m) == nil {
				}
			}()
			m := engine.Raw(make([]byte, 48))
			for b.Loop() {
				if err := s.Send(ctx, &m); err != nil {
					b.Fatal(err)
				}
			}
			_ = s.Close()
			<-done
		})
	}
	b.Run("conn", func(b *testing.B) {
		a, c := conns(b)
		go func() { _, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, c, make([]byte, 64<<10)) }()
		buf := make([]byte, 64)
		for b.Loop() {
			must(a.Write(buf))
		}
	})
}

func conns(b *testing.B) (a, c net.Conn) {
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	defer ln.Close()
	a = must(net.Dial("tcp", ln.Addr().String()))
	c = must(ln.Accept())
	b.Cleanup(func() { a.Close(); c.Close() })
	return a, c
}

func connect(b *testing.B, ea, eb *engine.Engine) (sa, sb *engine.Session) {
	ctx := context.Background()
	ln := must(tcp.Listen(ctx, "127.0.0.1:0", &tcp.Options{Engine: eb}))
	defer ln.Close()
	sa = must(tcp.Dial(ctx, strings.TrimPrefix(ln.Addr(), "tcp://"), &tcp.Options{Engine: ea}))
	sb = must(ln.Accept(ctx))
	b.Cleanup(func() { sa.Close(); sb.Close(); _ = ea.Shutdown(ctx); _ = eb.Shutdown(ctx) })
	return sa, sb
}

func pingPong(b *testing.B, sa, sb *engine.Session) {
	ctx := context.Background()
	ping := must(engine.Open[engine.Raw](ctx, sa, "ping"))
	pinged := must(engine.Accept[engine.Raw](ctx, sb, "ping"))
	pong := must(engine.Open[engine.Raw](ctx, sb, "pong"))
	ponged := must(engine.Accept[engine.Raw](ctx, sa, "pong"))
	go func() {
		var m engine.Raw
		for pinged.Receive(ctx, &m) == nil {
			_ = pong.Send(ctx, &m)
		}
	}()
	m := engine.Raw(make([]byte, 48))
	for b.Loop() {
		if err := ping.Send(ctx, &m); err != nil {
			b.Fatal(err)
		}
		if err := ponged.Receive(ctx, &m); err != nil {
			b.Fatal(err)
		}
	}
}
