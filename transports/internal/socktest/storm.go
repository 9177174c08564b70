package socktest

import (
	"context"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/corechan/corechan/engine"
)

// Storm connects and disconnects many times: sessions that exchange a message, that exchange none, and connections that are cut
// before the handshake, in it, and behind it. At its end nothing is left, and the heap has not grown. With CORECHAN_SOAK it is 100,000.
func Storm(t *testing.T, tr Transport) {
	Residue(t)
	n := int64(500)
	if os.Getenv("CORECHAN_SOAK") != "" {
		n = 100_000
	}
	s := Start(t, tr, Options{})
	eng := must(engine.New(engine.Config{}))
	defer func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = eng.Shutdown(now)
	}()
	over := make(chan struct{})
	defer close(over)
	go func() { // what the server says of them
		for {
			select {
			case <-s.Ended:
				s.Log.Clear()
			case <-over:
				return
			}
		}
	}()
	run := func(n int64) {
		var all sync.WaitGroup
		var done atomic.Int64
		for range 8 {
			all.Go(func() {
				for i := done.Add(1); i <= n && !t.Failed(); i = done.Add(1) {
					one(t, tr, s, eng, i)
				}
			})
		}
		all.Wait()
		if !Poll(func() bool { return sessions(eng) == 0 && sessions(s.Eng) == 0 }) {
			t.Errorf("%d and %d sessions are left", sessions(eng), sessions(s.Eng))
		}
	}
	run(min(n/5, 1000))
	before := heap()
	run(n)
	grown := int64(0)
	if !Poll(func() bool { grown = heap() - before; return grown < 2<<20 }) {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	t.Logf("%d connections; the heap has grown by %d bytes", n, grown)
}

func sessions(eng *engine.Engine) (n int) {
	for range eng.Sessions() {
		n++
	}
	return n
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func one(t *testing.T, tr Transport, s *Server, eng *engine.Engine, i int64) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if cut := i % 8; cut < 3 {
		c := tr.Connect(t, s.Addr)
		if cut > 0 {
			_, _ = c.Write(Hello()[:cut*20])
		}
		_ = c.Close()
		return
	}
	sess, err := tr.Dial(ctx, s.Addr, Options{Engine: eng, Timeout: Patience})
	if err != nil {
		t.Error(err)
		return
	}
	defer sess.Close()
	if i%8 == 3 {
		return
	}
	ping, err := engine.Open[engine.Raw](ctx, sess, "ping")
	if err != nil {
		t.Error(err)
		return
	}
	m := engine.Raw("hello")
	if err := ping.Send(ctx, &m); err != nil {
		t.Error(err)
		return
	}
	if i%8 == 4 {
		return
	}
	pong, err := engine.Accept[engine.Raw](ctx, sess, "pong")
	if err == nil {
		err = pong.Receive(ctx, &m)
	}
	if err != nil || string(m) != "hello" {
		t.Errorf("%q, %v", m, err)
	}
}
