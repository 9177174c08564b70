package netpoll

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func TestPostsRunInTheOrderOfEachPoster(t *testing.T) {
	matrix(t, func(t *testing.T, w Wait) {
		l := startLoop(t, &Config{Wait: w, PostLimit: 64, Budget: 5})
		const posters, each = 4, 2000
		var last [posters]int
		var wg sync.WaitGroup
		for p := range posters {
			wg.Go(func() {
				for i := 1; i <= each; i++ {
					f := func() {
						if last[p] != i-1 {
							t.Errorf("poster %d: %d after %d", p, i, last[p])
						}
						last[p] = i
					}
					for {
						err := l.Post(f)
						if err == nil {
							break
						}
						if err != ErrQueueFull {
							t.Errorf("Post: %v", err)
							return
						}
						runtime.Gosched()
					}
				}
			})
		}
		wg.Wait()
		check := func() {
			for p, n := range last {
				if n != each {
					t.Errorf("poster %d: %d run, want %d", p, n, each)
				}
			}
		}
		until(t, "there is room", func() bool { return l.Stats().Posts >= posters*each })
		on(t, l, check)
	})
}

func TestAFullQueueRefusesByName(t *testing.T) {
	const limit = 8
	l := startLoop(t, &Config{PostLimit: limit})
	entered, leave := make(chan struct{}), make(chan struct{})
	if err := l.Post(func() { close(entered); <-leave }); err != nil {
		t.Fatal(err)
	}
	await(t, entered)
	var run atomic.Int32
	for range limit {
		if err := l.Post(func() { run.Add(1) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Post(func() { t.Error("a refused post ran") }); err != ErrQueueFull {
		t.Errorf("Post: %v", err)
	}
	close(leave)
	until(t, "posts run", func() bool { return run.Load() == limit })
	on(t, l, func() {})
}

func TestEveryAcceptedPostRunsOnceThoughTheLoopIsClosed(t *testing.T) {
	matrix(t, func(t *testing.T, w Wait) {
		for range 30 {
			l, err := New(&Config{Wait: w, PostLimit: 128})
			if err != nil {
				t.Fatal(err)
			}
			var accepted, run atomic.Int64
			f := func() { run.Add(1) }
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for {
						switch err := l.Post(f); err {
						case nil:
							accepted.Add(1)
						case os.ErrClosed:
							return
						}
					}
				})
			}
			until(t, "posts", func() bool { return run.Load() > 10 })
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			if accepted.Load() != run.Load() {
				t.Fatalf("%d accepted, %d run", accepted.Load(), run.Load())
			}
			if s := l.Stats(); s.Posts != uint64(run.Load()) {
				t.Errorf("%d counted, %d run", s.Posts, run.Load())
			}
		}
	})
}

func TestASleepCostsItsPostersOneWrite(t *testing.T) {
	l := startLoop(t, &Config{Wait: Block})
	for range 20 {
		untilAsleep(t, l)
		before := l.Stats().Rings
		entered, leave := make(chan struct{}), make(chan struct{})
		if err := l.Post(func() { close(entered); <-leave }); err != nil {
			t.Fatal(err)
		}
		await(t, entered)
		for range 50 { // awake, and busy
			if err := l.Post(func() {}); err != nil {
				t.Fatal(err)
			}
		}
		if rings := l.Stats().Rings - before; rings != 1 {
			t.Errorf("%d writes to wake the loop once", rings)
		}
		close(leave)
		on(t, l, func() {})
	}
}

func TestANilPostIsRefused(t *testing.T) {
	l := startLoop(t, nil)
	var oe *OpError
	if err := l.Post(nil); !errors.As(err, &oe) {
		t.Errorf("Post: %v", err)
	}
}

func TestAPostAllocatesNothing(t *testing.T) {
	l := startLoop(t, &Config{Wait: Block})
	done := make(chan struct{}, 1)
	f := func() { done <- struct{}{} }
	if n := testing.AllocsPerRun(200, func() {
		if err := l.Post(f); err != nil {
			t.Error(err)
		}
		<-done
	}); n != 0 {
		t.Errorf("%v allocations a post", n)
	}
}

// The queue against a slice, with any order of operations that one producer and one consumer can make.
func TestThePostQueueIsABoundedFIFO(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q postQueue
		limit := rapid.IntRange(1, 9).Draw(t, "limit")
		q.init(limit)
		capacity := len(q.places)
		if capacity < limit || capacity > 2*limit {
			t.Fatalf("limit %d became %d", limit, capacity)
		}
		var model []int
		next, got, isSealed := 0, -1, false
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				id := next
				err := q.push(func() { got = id })
				switch {
				case isSealed:
					if err != os.ErrClosed {
						t.Fatalf("push into a sealed queue: %v", err)
					}
				case len(model) == capacity:
					if err != ErrQueueFull {
						t.Fatalf("push into a full queue: %v", err)
					}
				case err != nil:
					t.Fatal(err)
				default:
					model = append(model, id)
					next++
				}
			},
			"pop": func(t *rapid.T) {
				f := q.pop()
				if len(model) == 0 {
					if f != nil {
						t.Fatal("pop of an empty queue")
					}
					return
				}
				if f == nil {
					t.Fatalf("nothing, want %d", model[0])
				}
				if f(); got != model[0] {
					t.Fatalf("%d, want %d", got, model[0])
				}
				model = model[1:]
			},
			"seal": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "dice") == 0 {
					isSealed = true
					if end := q.seal(); end != uint64(next) {
						t.Fatalf("sealed at %d, want %d", end, next)
					}
				}
			},
			"": func(t *rapid.T) {
				if q.ready() != (len(model) > 0) {
					t.Fatalf("ready is %v with %d in it", q.ready(), len(model))
				}
			},
		})
	})
}
