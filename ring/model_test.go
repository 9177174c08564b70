package ring

import (
	"encoding/binary"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// sent is a record as the model knows it.
type sent struct {
	seq uint64
	n   int
}

// model is what a ring should do, said with slices: records move from committed to published to read and are gone
// once they are released.
type model struct {
	*ends
	capacity                   int
	committed, published, read []sent
	// held are the slices that Next returned and that are not released, one for each of read, and behind the
	// positions at which they end.
	held   [][]byte
	behind []uint64

	seq      uint64 // of the next reservation
	reserved int    // bytes, 0: none
	base     uint64 // where positions began
	tail     uint64 // published so far, from base
	freed    uint64 // released so far, from base
	known    uint64 // freed as the producer knows it
	waiting  int    // records that the consumer knows to be published

	sleepers [2]sleeper
	epoch    [2]uint64 // what the sleep word should be
	rang     [2]uint64 // the epoch that was rung for
}

func bytesOf(records []sent) (n int) {
	for _, r := range records {
		n += Stride(r.n)
	}
	return n
}

func (m *model) free() int {
	return m.capacity - bytesOf(m.read) - bytesOf(m.published) - bytesOf(m.committed)
}

func (m *model) reserve(t *rapid.T) {
	n := rapid.OneOf(
		rapid.IntRange(lengthSize, 100),
		rapid.IntRange(lengthSize, m.capacity),
		rapid.IntRange(max(lengthSize, m.free()-9), max(lengthSize, m.free()+9)),
		rapid.IntRange(m.capacity-9, 2*m.capacity),
	).Draw(t, "n")
	b, err := m.p.Reserve(n)
	if m.capacity-int(m.tail-m.known)-bytesOf(m.committed) < Stride(n) && n <= m.capacity {
		m.known = m.freed // the ring seemed full, so it looked
	}
	m.reserved = 0
	switch {
	case n > m.capacity:
		if err != ErrTooLarge {
			t.Fatalf("Reserve(%d): %v, want ErrTooLarge", n, err)
		}
	case Stride(n) > m.free():
		if err != ErrFull {
			t.Fatalf("Reserve(%d) with %d free: %v, want ErrFull", n, m.free(), err)
		}
	case err != nil || len(b) != n:
		t.Fatalf("Reserve(%d) with %d free: %d bytes, %v", n, m.free(), len(b), err)
	default:
		m.reserved = n
		m.seq++
		copy(b[lengthSize:], payload(m.seq, n))
	}
}

func (m *model) commit(t *rapid.T) {
	if m.reserved == 0 {
		t.Skip("nothing reserved")
	}
	n := rapid.OneOf(rapid.Just(m.reserved), rapid.IntRange(lengthSize, m.reserved)).Draw(t, "n")
	if n >= 16 && rapid.Bool().Draw(t, "frame") {
		p := payload(m.seq, n)
		m.p.CommitFrame(n, binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint64(p[4:]))
	} else {
		m.p.Commit(n)
	}
	m.committed = append(m.committed, sent{m.seq, n})
	m.reserved = 0
}

func (m *model) abort(*rapid.T) {
	m.p.Abort()
	m.reserved = 0
}

func (m *model) publish(*rapid.T) {
	m.p.Publish()
	m.tail += uint64(bytesOf(m.committed))
	m.published = append(m.published, m.committed...)
	m.committed = nil
}

// record checks what Next or Peek returned, and reports whether it is a record.
func (m *model) record(t *rapid.T, b []byte, err error) bool {
	if m.waiting == 0 {
		m.waiting = len(m.published) // it looked
	}
	if len(m.published) == 0 {
		if err != ErrEmpty || b != nil {
			t.Fatalf("%d bytes, %v, want ErrEmpty", len(b), err)
		}
		return false
	}
	if want := m.published[0]; err != nil || !isRecord(b, want.seq, want.n) {
		t.Fatalf("%d bytes, %v; want record %d of %d bytes", len(b), err, want.seq, want.n)
	}
	return true
}

func (m *model) next(t *rapid.T) {
	b, err := m.c.Next()
	if m.record(t, b, err) {
		m.moveOn(b)
	}
}

func (m *model) peek(t *rapid.T) {
	b, err := m.c.Peek()
	if m.record(t, b, err) && rapid.Bool().Draw(t, "advance") {
		m.c.Advance(b)
		m.moveOn(b)
	}
}

// moveOn makes the next record one that is held.
func (m *model) moveOn(b []byte) {
	m.read = append(m.read, m.published[0])
	m.published = m.published[1:]
	m.waiting--
	m.held = append(m.held, b)
	m.behind = append(m.behind, m.c.Position())
}

// unchanged fails the test if a record that is still held is not what it was.
func (m *model) unchanged(t *rapid.T) {
	for i, r := range m.read {
		if !isRecord(m.held[i], r.seq, r.n) {
			t.Fatalf("record %d has changed before it was released", r.seq)
		}
	}
}

func (m *model) release(t *rapid.T) {
	m.unchanged(t)
	m.c.Release()
	m.drop(len(m.read))
}

func (m *model) releaseTo(t *rapid.T) {
	if len(m.read) == 0 {
		t.Skip("nothing held")
	}
	m.unchanged(t)
	n := rapid.IntRange(1, len(m.read)).Draw(t, "records")
	m.c.ReleaseTo(m.behind[n-1])
	m.drop(n)
}

// drop forgets the first n records that are held.
func (m *model) drop(n int) {
	m.freed += uint64(bytesOf(m.read[:n]))
	m.read, m.held, m.behind = m.read[n:], m.held[n:], m.behind[n:]
}

func (m *model) sleep(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "end")
	m.sleepers[i].arm()
	m.epoch[i] += 1 + m.epoch[i]%2
}

func (m *model) wake(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "end")
	m.sleepers[i].disarm()
	m.epoch[i] += m.epoch[i] % 2
}

func (m *model) look(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "end")
	want := m.epoch[i]%2 == 1 && m.rang[i] != m.epoch[i]
	if got := m.sleepers[i].mustRing(); got != want {
		t.Fatalf("%s in epoch %d, rung for %d: MustRing is %v, want %v", m.sleepers[i].name, m.epoch[i], m.rang[i], got, want)
	}
	if want {
		m.rang[i] = m.epoch[i]
	}
}

// check compares all that can be asked with the model.
func (m *model) check(t *rapid.T) {
	type state struct {
		pending, ready        bool
		unread, waiting       bool
		published, tail, read uint64
		head, headSeen        uint64
		free, held            int
		known                 int
		asleep                [2]uint64
	}
	got := state{
		m.p.Pending(), m.c.Ready(), m.c.Unread(), m.c.Waiting(), m.p.Published(), m.p.Tail(), m.c.Position(), m.p.Head(), m.p.HeadSeen(), m.p.Free(), m.c.Held(), m.c.Pending(),
		[2]uint64{m.sleepers[0].word(), m.sleepers[1].word()},
	}
	want := state{
		len(m.committed) > 0, len(m.published) > 0, len(m.published)+len(m.read) > 0, m.waiting > 0, m.base + m.tail, m.base + m.tail, m.base + m.freed + uint64(bytesOf(m.read)),
		m.base + m.freed, m.base + m.known, m.capacity - int(m.tail-m.known) - bytesOf(m.committed), bytesOf(m.read), bytesOf(m.published[:m.waiting]), m.epoch,
	}
	if got != want {
		t.Fatalf("\ngot  %+v\nwant %+v", got, want)
	}
}

func checkModel(t *testing.T, make func(capacity int) *ends) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := page << rapid.IntRange(0, 3).Draw(t, "capacity in pages, log 2")
		e := make(capacity)
		m := &model{ends: e, capacity: capacity}
		// At the beginning, anywhere, and close to where positions wrap.
		m.base = rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64(), rapid.Uint64Min(-uint64(4*capacity))).Draw(t, "base") &^ (Align - 1)
		e.startAt(m.base)
		m.sleepers = [2]sleeper(e.sleepers())
		for i, s := range m.sleepers {
			s.set(0)
			m.rang[i] = 0
		}
		e.p.rangFor, e.c.rangFor = atomic.Uint64{}, atomic.Uint64{}
		actions := map[string]func(*rapid.T){
			"reserve": m.reserve, "commit": m.commit, "abort": m.abort, "publish": m.publish,
			"send": func(t *rapid.T) { // more often than the single steps bring it about
				if m.reserve(t); m.reserved > 0 {
					m.commit(t)
				}
			},
			"next": m.next, "next again": m.next, "peek": m.peek, "release": m.release, "release some": m.releaseTo,
			"sleep": m.sleep, "wake": m.wake, "look": m.look,
			"": m.check,
		}
		for range 4 { // each some thirty steps, so that rings fill and positions go around
			t.Repeat(actions)
		}
		m.unchanged(t)
	})
}

func TestARingDoesWhatSlicesDo(t *testing.T) {
	t.Run("heap", func(t *testing.T) {
		checkModel(t, func(capacity int) *ends { return heapEnds(t, capacity) })
	})
	t.Run("mapped", func(t *testing.T) {
		made := make(map[int]*ends) // one of each capacity, used again and again
		checkModel(t, func(capacity int) *ends {
			if made[capacity] == nil {
				made[capacity] = mappedEnds(t, capacity)
			}
			return made[capacity]
		})
	})
}

func TestSoakARingDoesWhatSlicesDo(t *testing.T) {
	if !soak() {
		t.Skip("long: set CORECHAN_SOAK=1")
	}
	for range 500 {
		checkModel(t, func(capacity int) *ends { return heapEnds(t, capacity) })
	}
}
