package ring

import (
	"fmt"
	"runtime"
	"testing"
)

var benchSizes = []int{8, 64, 1024, 65536}

// BenchmarkRecord is what a record costs both ends where there is nobody to wait for and every cache line is at hand:
// reserve, commit, publish, next, release, without writing or reading its bytes.
func BenchmarkRecord(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			e := mappedEnds(b, DefaultCapacity)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.p.Reserve(size); err != nil {
					b.Fatal(err)
				}
				e.p.Commit(size)
				e.p.Publish()
				if _, err := e.c.Next(); err != nil {
					b.Fatal(err)
				}
				e.c.Release()
			}
		})
	}
}

// BenchmarkStream copies records into the ring in one goroutine and out of it in another, each published for itself.
func BenchmarkStream(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			e := mappedEnds(b, DefaultCapacity)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			n := b.N
			failed := make(chan error, 1)
			go func() { failed <- drain(e, n, size) }()
			from := noise[:size]
			for range n {
				record, err := e.p.Reserve(size)
				for err == ErrFull {
					runtime.Gosched()
					record, err = e.p.Reserve(size)
				}
				if err != nil {
					b.Fatal(err)
				}
				copy(record, from)
				e.p.Commit(size)
				e.p.Publish()
			}
			if err := <-failed; err != nil {
				b.Fatal(err)
			}
		})
	}
}

// drain reads n records, and releases them whenever there is no further one or a quarter of the ring is held.
func drain(e *ends, n, size int) error {
	to := make([]byte, size)
	for i := 0; i < n; {
		record, err := e.c.Next()
		switch err {
		case nil:
			copy(to, record)
			i++
			if e.c.Held() >= e.c.Capacity()/4 {
				e.c.Release()
			}
		case ErrEmpty:
			e.c.Release()
			runtime.Gosched()
		default:
			return err
		}
	}
	e.c.Release()
	return nil
}
