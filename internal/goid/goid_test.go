package goid

import (
	"runtime"
	"sync"
	"testing"
)

func TestGoroutinesThatRunAtTheSameTimeDifferAndKeepTheirNumber(t *testing.T) {
	const n = 64
	var mu sync.Mutex
	seen := map[uintptr]bool{}
	var all, ready sync.WaitGroup
	ready.Add(n)
	for range n {
		all.Go(func() {
			self := Self()
			if self == 0 {
				t.Error("0")
			}
			mu.Lock()
			if seen[self] {
				t.Error("two goroutines have one number")
			}
			seen[self] = true
			mu.Unlock()
			ready.Done()
			ready.Wait() // all are alive
			runtime.Gosched()
			grow(100)
			if Self() != self {
				t.Error("the number changed")
			}
		})
	}
	all.Wait()
}

// grow makes the stack move.
func grow(n int) byte {
	var b [1024]byte
	if n > 0 {
		b[n%1024] = grow(n - 1)
	}
	return b[n%7]
}

func BenchmarkSelf(b *testing.B) {
	for b.Loop() {
		Self()
	}
}
