package transporttest

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/corechan/corechan/engine"
)

func testMessagesArriveInOrder(t *T) {
	t.onRoutes(func(t *T, w way) {
		const n = 2000
		sent := result(func() error {
			for i := uint64(0); i < n; i++ {
				if err := w.s.Send(t.ctx, &note{ID: i, Text: fmt.Sprint(i)}); err != nil {
					return err
				}
			}
			return w.s.Close()
		})
		i := uint64(0)
		for m, err := range w.r.All(t.ctx) {
			t.check(err)
			if m.ID != i || m.Text != fmt.Sprint(i) {
				t.Fatalf("message %d: %+v", i, *m)
			}
			i++
		}
		if i != n {
			t.Fatalf("%d messages of %d", i, n)
		}
		t.check(get(t, sent))
	})
}

func testEachSendersMessagesStayInOrder(t *T) {
	t.onRoutes(func(t *T, w way) {
		const senders, n = 4, 250
		var all sync.WaitGroup
		for k := range uint64(senders) {
			all.Go(func() {
				for i := range uint64(n) {
					if err := w.s.Send(t.ctx, &note{ID: k<<32 | i}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		var next [senders]uint64
		for range senders * n {
			var m note
			t.check(w.r.Receive(t.ctx, &m))
			k, i := m.ID>>32, m.ID&(1<<32-1)
			if i != next[k] {
				t.Fatalf("sender %d's message %d where %d was due", k, i, next[k])
			}
			next[k]++
		}
		all.Wait()
	})
}

func testEachMessageGoesToOneReceiver(t *T) {
	t.onRoutes(func(t *T, w way) {
		const receivers, n = 3, 1000
		var mu sync.Mutex
		seen := map[uint64]bool{}
		var all sync.WaitGroup
		for range receivers {
			all.Go(func() {
				last, first := uint64(0), true
				for {
					var m note
					err := w.r.Receive(t.ctx, &m)
					if errors.Is(err, io.EOF) {
						return
					}
					if err != nil || !first && m.ID <= last {
						t.Errorf("%d after %d: %v", m.ID, last, err)
						return
					}
					last, first = m.ID, false
					mu.Lock()
					if seen[m.ID] {
						t.Errorf("message %d came twice", m.ID)
					}
					seen[m.ID] = true
					mu.Unlock()
				}
			})
		}
		sendNumbers(t, w.s, 0, n)
		t.check(w.s.Close())
		all.Wait()
		if len(seen) != n {
			t.Errorf("%d messages of %d", len(seen), n)
		}
	})
}

func testMessagesWaitForTheReceiver(t *T) {
	l := t.connect()
	s, err := engine.Open[note](t.ctx, l.A, "later")
	t.check(err)
	sendNumbers(t, s, 0, 100)
	t.check(s.Close())
	r, err := engine.Accept[note](t.ctx, l.B, "later")
	t.check(err)
	wantNumbers(t, r, 0, 100)
	t.want(r.Receive(t.ctx, &note{}), io.EOF)
}
