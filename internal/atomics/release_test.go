package atomics

import (
	"sync/atomic"
	"testing"
)

// What was written before a release store is visible to whoever sees the stored value; under -race the detector
// checks the same.
func TestAReleaseStorePublishesWhatWasWrittenBefore(t *testing.T) {
	const rounds = 10000
	var turn uint64
	var payload [8]uint64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := uint64(1); i <= rounds; i++ {
			for atomic.LoadUint64(&turn) != 2*i-1 {
			}
			for k := range payload {
				if payload[k] != i {
					t.Errorf("round %d: word %d holds %d", i, k, payload[k])
					StoreRelease(&turn, 2*i)
					return
				}
			}
			StoreRelease(&turn, 2*i)
		}
	}()
	for i := uint64(1); i <= rounds && !t.Failed(); i++ {
		for k := range payload {
			payload[k] = i
		}
		StoreRelease(&turn, 2*i-1)
		for atomic.LoadUint64(&turn) != 2*i {
		}
	}
	<-done
}
