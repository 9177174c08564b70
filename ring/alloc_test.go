package ring

import (
	"testing"

	"github.com/corechan/corechan/internal/atomics"
)

func TestNoAllocForARecord(t *testing.T) {
	if atomics.Race {
		t.Skip("the race detector allocates")
	}
	for _, m := range []memory{onHeap, onMapped} {
		e := m.make(t, page)
		fail := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			name string
			f    func()
		}{
			{"reserve, commit, publish, next, release", func() {
				_, err := e.p.Reserve(100)
				fail(err)
				e.p.Commit(90)
				e.p.Publish()
				_, err = e.c.Next()
				fail(err)
				e.c.Release()
			}},
			{"a batch of frames, released one by one", func() {
				for range 10 {
					_, err := e.p.Reserve(24)
					fail(err)
					e.p.CommitFrame(24, 1, 2)
				}
				_, err := e.p.Reserve(24)
				fail(err)
				e.p.Abort()
				e.p.Publish()
				for range 10 {
					_, err := e.c.Next()
					fail(err)
					e.c.ReleaseTo(e.c.Position())
				}
			}},
			{"full and empty", func() {
				fail(send(e.p, 0, page))
				e.p.Publish()
				if _, err := e.p.Reserve(4); err != ErrFull {
					t.Fatal(err)
				}
				_, err := e.c.Next()
				fail(err)
				e.c.Release()
				if _, err := e.c.Next(); err != ErrEmpty {
					t.Fatal(err)
				}
			}},
			{"sleep and wake", func() {
				for _, end := range []interface {
					Arm()
					Disarm()
					MustRing() bool
				}{e.p, e.c} {
					end.Arm()
					end.MustRing()
					end.Disarm()
				}
			}},
			{"looking around", func() {
				e.c.Ready()
				e.c.Unread()
				e.c.Waiting()
				e.p.Tail()
				e.c.Held()
				e.p.Free()
				e.p.Head()
				e.p.HeadSeen()
				e.p.Pending()
			}},
		} {
			if n := testing.AllocsPerRun(1000, c.f); n != 0 {
				t.Errorf("%s, %s: %v allocations, want none", m.name, c.name, n)
			}
		}
	}
}
