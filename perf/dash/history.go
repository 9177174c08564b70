package dash

import "sync"

// history keeps the last samples as they travel, bounded by number and by bytes. Its methods may be used concurrently.
type history struct {
	most, mostBytes int

	mu    sync.Mutex
	first uint64 // the number of list[0]; the first sample is 1
	list  [][]byte
	bytes int
	more  chan struct{} // closed when there is more
}

func newHistory(most, mostBytes int) *history {
	return &history{most: most, mostBytes: mostBytes, first: 1, more: make(chan struct{})}
}

// next is the number that the next sample has.
func (h *history) next() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.first + uint64(len(h.list))
}

// add keeps one more, and forgets the oldest ones for it.
func (h *history) add(b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, b)
	h.bytes += len(b)
	for len(h.list) > 1 && (len(h.list) > h.most || h.bytes > h.mostBytes) {
		h.bytes -= len(h.list[0])
		h.list[0] = nil
		h.list = h.list[1:]
		h.first++
	}
	close(h.more)
	h.more = make(chan struct{})
}

// after returns the oldest that is kept of those behind a number, with its own; nil if there is none yet: more is closed when there is.
func (h *history) after(seq uint64) (b []byte, at uint64, more <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at = max(seq+1, h.first)
	if i := at - h.first; i < uint64(len(h.list)) {
		return h.list[i], at, nil
	}
	return nil, seq, h.more
}
