package ring

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"sync/atomic"
	"testing"
)

var page = os.Getpagesize() // the smallest capacity that can be mapped

func TestARecordArrivesAsItWasCommitted(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		sizes := []int{4, 5, 7, 8, 9, 12, 15, 16, 17, 63, 64, 65, 1000, page - 9, page - 8, page - 7, page - 1, page}
		for seq, n := range sizes {
			mustSend(t, e.p, uint64(seq), n)
			e.p.Publish()
			mustNext(t, e.c, uint64(seq), n)
			wantEmpty(t, e.c)
			e.c.Release()
		}
	})
}

func TestRecordsArriveInOrder(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		for seq := range uint64(page / 16) {
			mustSend(t, e.p, seq, 9)
		}
		e.p.Publish()
		for seq := range uint64(page / 16) {
			mustNext(t, e.c, seq, 9)
		}
		wantEmpty(t, e.c)
	})
}

func TestAnEmptyRingHasNoRecord(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		wantEmpty(t, e.c)
		if e.c.Ready() || e.c.Held() != 0 || e.c.Position() != 0 || e.p.Pending() || e.p.Published() != 0 {
			t.Error("a new ring holds something")
		}
		if e.c.Capacity() != page || e.p.Free() != page {
			t.Errorf("capacity %d, free %d; want %d both", e.c.Capacity(), e.p.Free(), page)
		}
		e.p.Publish() // of nothing
		wantEmpty(t, e.c)
	})
}

func TestABatchIsPublishedAtOnce(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		for seq := range uint64(10) {
			mustSend(t, e.p, seq, 20)
			if !e.p.Pending() || e.p.Published() != 0 || atomic.LoadUint64(e.tail) != 0 || e.c.Ready() {
				t.Fatal("a record shows before it is published")
			}
			wantEmpty(t, e.c)
		}
		e.p.Publish()
		if e.p.Pending() || e.p.Published() != 240 || atomic.LoadUint64(e.tail) != 240 || !e.c.Ready() {
			t.Fatalf("tail %d, pending %v, ready %v after 10 records of 24 bytes", e.p.Published(), e.p.Pending(), e.c.Ready())
		}
		for seq := range uint64(10) {
			mustNext(t, e.c, seq, 20)
		}
		wantEmpty(t, e.c)
	})
}

func TestABatchIsReleasedAtOnce(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		fill(t, e)
		for seq := range uint64(10) {
			mustNext(t, e.c, seq, 16)
			if head := atomic.LoadUint64(e.head); head != 0 || e.p.Head() != 0 {
				t.Fatalf("head is %d before Release", head)
			}
			wantNoRoom(t, e.p, 16, ErrFull)
		}
		if e.c.Held() != 160 {
			t.Errorf("%d bytes held, want 160", e.c.Held())
		}
		e.c.Release()
		if head := atomic.LoadUint64(e.head); head != 160 || e.p.Head() != 160 || e.p.HeadSeen() != 0 || e.c.Held() != 0 {
			t.Errorf("head is %d, as the producer sees it %d (before it looked: %d), %d held; want 160, 160, 0, 0",
				head, e.p.Head(), e.p.HeadSeen(), e.c.Held())
		}
		mustSend(t, e.p, 0, 160)
		wantNoRoom(t, e.p, 4, ErrFull)
		if e.p.HeadSeen() != 160 {
			t.Errorf("the producer has seen head %d, want 160", e.p.HeadSeen())
		}
	})
}

// fill fills the ring with records of 16 bytes and publishes them.
func fill(t testing.TB, e *ends) {
	t.Helper()
	for seq := range e.capacity / 16 {
		mustSend(t, e.p, seq, 16)
	}
	e.p.Publish()
}

func TestAFullRingTakesARecordOnceAsMuchIsReleased(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		fill(t, e)
		wantNoRoom(t, e.p, 4, ErrFull)
		wantNoRoom(t, e.p, page, ErrFull)
		if e.p.Free() != 0 {
			t.Errorf("%d bytes free in a full ring", e.p.Free())
		}
		mustNext(t, e.c, 0, 16)
		e.c.Release()
		wantNoRoom(t, e.p, 17, ErrFull)
		mustSend(t, e.p, 99, 16)
		wantNoRoom(t, e.p, 4, ErrFull)
		e.p.Publish()
		for seq := range uint64(page/16 - 1) {
			mustNext(t, e.c, seq+1, 16)
		}
		mustNext(t, e.c, 99, 16)
		wantEmpty(t, e.c)
	})
}

func TestARecordThatIsPeekedAtStaysTheNextOne(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		if b, err := e.c.Peek(); err != ErrEmpty || b != nil || e.c.Waiting() {
			t.Fatalf("%d bytes, %v; want ErrEmpty", len(b), err)
		}
		mustSend(t, e.p, 0, 20)
		mustSend(t, e.p, 1, 30)
		e.p.Publish()
		for range 2 {
			b, err := e.c.Peek()
			if err != nil || !isRecord(b, 0, 20) {
				t.Fatalf("%d bytes, %v; want record 0", len(b), err)
			}
			if e.c.Position() != 0 || e.c.Held() != 0 || !e.c.Waiting() {
				t.Errorf("position %d, %d held, waiting: %v", e.c.Position(), e.c.Held(), e.c.Waiting())
			}
		}
		e.c.Release()
		if e.p.Head() != 0 {
			t.Error("a record that was only peeked at is released")
		}
		b, err := e.c.Peek()
		if err != nil {
			t.Fatal(err)
		}
		e.c.Advance(b)
		if e.c.Position() != 24 || e.c.Held() != 24 || !e.c.Waiting() {
			t.Errorf("position %d, %d held, waiting: %v after Advance", e.c.Position(), e.c.Held(), e.c.Waiting())
		}
		mustNext(t, e.c, 1, 30)
		wantEmpty(t, e.c)
		if e.c.Waiting() || e.p.Tail() != 56 {
			t.Errorf("waiting: %v, tail %d; want false, 56", e.c.Waiting(), e.p.Tail())
		}
	})
}

func TestWhatIsPublishedIsUnreadUntilItIsReleased(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		mustSend(t, e.p, 0, 16)
		if e.c.Unread() {
			t.Error("unread before it is published")
		}
		e.p.Publish()
		if !e.c.Unread() || !e.c.Ready() {
			t.Error("not unread, or not ready, once it is published")
		}
		mustNext(t, e.c, 0, 16)
		if !e.c.Unread() || e.c.Ready() {
			t.Error("not unread, or ready for more, while it is held")
		}
		e.c.Release()
		if e.c.Unread() {
			t.Error("unread after it was released")
		}
	})
}

func TestReleaseToKeepsWhatIsBehind(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		fill(t, e)
		mustNext(t, e.c, 0, 16)
		mustNext(t, e.c, 1, 16)
		between := e.c.Position()
		last := mustNext(t, e.c, 2, 16)
		e.c.ReleaseTo(between)
		if e.c.Held() != 16 || e.p.Head() != 32 {
			t.Errorf("%d bytes held, head %d; want 16, 32", e.c.Held(), e.p.Head())
		}
		mustSend(t, e.p, 77, 32)
		wantNoRoom(t, e.p, 4, ErrFull)
		if !isRecord(last, 2, 16) {
			t.Error("a record that was not released has been overwritten")
		}
		e.c.Release()
		if e.c.Held() != 0 || e.p.Head() != 48 {
			t.Errorf("%d bytes held, head %d; want 0, 48", e.c.Held(), e.p.Head())
		}
	})
}

func TestWhatWasReadIsNotOverwrittenBeforeItIsReleased(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		fill(t, e)
		var held [][]byte
		for seq := range uint64(page / 16) {
			held = append(held, mustNext(t, e.c, seq, 16))
			wantNoRoom(t, e.p, 16, ErrFull)
		}
		for seq, b := range held {
			if !isRecord(b, uint64(seq), 16) {
				t.Errorf("record %d has changed", seq)
			}
		}
	})
}

func TestARecordThatSpansTheWrapIsContiguous(t *testing.T) {
	onEachMemory(t, 2*page, func(t *testing.T, e *ends) {
		for seq, before := range []int{8, 16, 64, page, 2*page - 24} {
			e.startAt(uint64(6*page - before)) // three laps of two pages, less that many bytes
			n := min(before+page/2, 2*page-16)
			b, err := e.p.Reserve(n)
			if err != nil {
				t.Fatal(err)
			}
			if off, ok := offsetOf(b, e.records); !ok || off != uint64(2*page-before) || len(b) != n {
				t.Fatalf("%d bytes before the wrap: reserved %d bytes at %d, want %d at %d", before, len(b), off, n,
					2*page-before)
			}
			copy(b[lengthSize:], payload(uint64(seq), n))
			e.p.Commit(n)
			mustSend(t, e.p, 50, 12) // right behind it
			e.p.Publish()
			mustNext(t, e.c, uint64(seq), n)
			mustNext(t, e.c, 50, 12)
			wantEmpty(t, e.c)
			e.c.Release()
		}
	})
}

func TestPositionsMayWrapAt2To64(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		e.startAt(math.MaxUint64 - 23) // three records before
		for lap := range uint64(3) {
			for i := range uint64(page / 8) {
				mustSend(t, e.p, lap+i, 7)
			}
			e.p.Publish()
			wantNoRoom(t, e.p, 4, ErrFull)
			for i := range uint64(page / 8) {
				mustNext(t, e.c, lap+i, 7)
			}
			wantEmpty(t, e.c)
			e.c.Release()
		}
		if want := uint64(3*page - 24); e.p.Published() != want || e.c.Position() != want {
			t.Errorf("positions %d and %d, want %d", e.p.Published(), e.c.Position(), want)
		}
	})
}

func TestARecordLargerThanTheRingIsRefusedForGood(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		for range 2 { // with an empty ring, and with one that is not
			for _, n := range []int{page + 1, page + 8, 2 * page, math.MaxInt32, math.MaxUint32, math.MaxInt - 7, math.MaxInt, math.MinInt} {
				wantNoRoom(t, e.p, n, ErrTooLarge)
			}
			mustSend(t, e.p, 1, 4)
		}
		wantNoRoom(t, e.p, page, ErrFull)
	})
}

func TestASegmentWithoutRecordsTakesNone(t *testing.T) {
	a, aSeen := mapped(t, &Options{HeaderOnly: true})
	b, bSeen := mapped(t, &Options{HeaderOnly: true})
	e := join(a, b, aSeen, bSeen)
	wantNoRoom(t, e.p, 4, ErrTooLarge)
	wantEmpty(t, e.c)
	if e.c.Ready() || e.c.Capacity() != 0 || e.p.Free() != 0 {
		t.Error("there is something in it")
	}
}

func TestCommitMayTakeLessThanWasReserved(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		b, err := e.p.Reserve(1000)
		if err != nil {
			t.Fatal(err)
		}
		copy(b[lengthSize:], payload(5, 1000))
		e.p.Commit(21)
		mustSend(t, e.p, 6, 30)
		e.p.Publish()
		if e.p.Published() != 24+32 {
			t.Errorf("tail is %d, want 56", e.p.Published())
		}
		mustNext(t, e.c, 5, 21)
		mustNext(t, e.c, 6, 30)
		wantEmpty(t, e.c)
	})
}

func TestAnAbortedReservationLeavesNothing(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		mustSend(t, e.p, 1, 16)
		first, err := e.p.Reserve(page - 16)
		if err != nil {
			t.Fatal(err)
		}
		clear(first)
		e.p.Abort()
		if free := e.p.Free(); free != page-16 {
			t.Errorf("%d bytes free after Abort, want %d", free, page-16)
		}
		wantPanic(t, "Commit after Abort", func() { e.p.Commit(8) })
		e.p.Publish()
		mustNext(t, e.c, 1, 16)
		wantEmpty(t, e.c)

		second, err := e.p.Reserve(24)
		if err != nil {
			t.Fatal(err)
		}
		if &first[0] != &second[0] {
			t.Error("the next reservation is of other bytes")
		}
		copy(second[lengthSize:], payload(2, 24))
		e.p.Commit(24)
		e.p.Publish()
		mustNext(t, e.c, 2, 24)
	})
}

func TestAReservationIsForgottenByTheNextOneAlsoIfThatFails(t *testing.T) {
	e := heapEnds(t, page)
	for _, next := range []struct {
		name string
		n    int
		want error
	}{
		{"smaller", 8, nil},
		{"full", page, ErrFull},
		{"too large", page + 1, ErrTooLarge},
	} {
		mustSend(t, e.p, 1, 8)
		if _, err := e.p.Reserve(64); err != nil {
			t.Fatal(err)
		}
		if _, err := e.p.Reserve(next.n); err != next.want {
			t.Fatalf("%s: %v, want %v", next.name, err, next.want)
		}
		wantPanic(t, next.name+": Commit of the first reservation", func() { e.p.Commit(64) })
		e.p.Abort()
	}
}

func TestAReservationCannotBeAppendedToBeyondItsStride(t *testing.T) {
	e := heapEnds(t, page)
	for _, n := range []int{4, 8, 9, 100} {
		b, err := e.p.Reserve(n)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != n || cap(b) != Stride(n) {
			t.Errorf("Reserve(%d): length %d, capacity %d", n, len(b), cap(b))
		}
	}
}

func TestCommitOfWhatWasNotReservedPanics(t *testing.T) {
	commit := func(n int) func(p *Producer) { return func(p *Producer) { p.Commit(n) } }
	frame := func(n int) func(p *Producer) { return func(p *Producer) { p.CommitFrame(n, 0, 0) } }
	for _, c := range []struct {
		name    string
		reserve int // 0: not at all
		commit  func(p *Producer)
	}{
		{"nothing reserved", 0, commit(4)},
		{"nothing reserved, a frame", 0, frame(16)},
		{"0 bytes", 64, commit(0)},
		{"3 bytes", 64, commit(3)},
		{"-1 bytes", 64, commit(-1)},
		{"-8 bytes", 64, commit(-8)},
		{"the least number of bytes", 64, commit(math.MinInt)},
		{"one byte more", 64, commit(65)},
		{"one byte more within the stride", 60, commit(61)},
		{"a stride more", 64, commit(72)},
		{"the greatest number of bytes", 64, commit(math.MaxInt)},
		{"a frame of 15 bytes", 64, frame(15)},
		{"a frame of 0 bytes", 64, frame(0)},
		{"a frame of -1 bytes", 64, frame(-1)},
		{"a frame one byte more", 64, frame(65)},
		{"a frame one byte more within the stride", 60, frame(61)},
		{"a frame of the greatest number of bytes", 64, frame(math.MaxInt)},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := heapEnds(t, page)
			if c.reserve > 0 {
				if _, err := e.p.Reserve(c.reserve); err != nil {
					t.Fatal(err)
				}
			}
			wantPanic(t, "it", func() { c.commit(e.p) })
			if e.p.Pending() {
				t.Error("something was committed all the same")
			}
		})
	}
	t.Run("twice", func(t *testing.T) {
		e := heapEnds(t, page)
		mustSend(t, e.p, 0, 64)
		wantPanic(t, "the second Commit", func() { e.p.Commit(4) })
		if _, err := e.p.Reserve(64); err != nil {
			t.Fatal(err)
		}
		e.p.CommitFrame(64, 0, 0)
		wantPanic(t, "the second CommitFrame", func() { e.p.CommitFrame(16, 0, 0) })
	})
}

func TestCommitFrameWritesTheHeaderAndNothingElse(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		for _, n := range []int{16, 17, 24, 100} {
			e.startAt(uint64(2*page - 8)) // so that the header itself spans the wrap
			b, err := e.p.Reserve(n)
			if err != nil {
				t.Fatal(err)
			}
			copy(b, noise[:n])
			e.p.CommitFrame(n, 0x04030201, 0x0807060504030201)
			e.p.Publish()
			got, err := e.c.Next()
			if err != nil {
				t.Fatal(err)
			}
			want := binary.LittleEndian.AppendUint32(nil, uint32(n))
			want = append(want, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8)
			want = append(want, noise[16:n]...)
			if !bytes.Equal(got, want) {
				t.Errorf("% x, want % x", got, want)
			}
			if e.p.Published()-uint64(2*page-8) != uint64(Stride(n)) {
				t.Errorf("it takes %d bytes, want %d", e.p.Published(), Stride(n))
			}
		}
	})
}

func TestTheProducerLooksAtTheHeadOnlyIfTheRingSeemsFull(t *testing.T) {
	e := heapEnds(t, page)
	mustSend(t, e.p, 0, page/2)
	e.p.Publish()
	mustNext(t, e.c, 0, page/2)
	e.c.Release()
	mustSend(t, e.p, 1, page/2)
	if e.p.HeadSeen() != 0 || e.p.Free() != 0 {
		t.Errorf("there was room, and yet it has seen head %d, and knows of %d free bytes", e.p.HeadSeen(), e.p.Free())
	}
	mustSend(t, e.p, 2, 8)
	if e.p.HeadSeen() != uint64(page/2) || e.p.Free() != page/2-8 {
		t.Errorf("seen head %d, %d free; want %d, %d", e.p.HeadSeen(), e.p.Free(), page/2, page/2-8)
	}
}

func TestTheConsumerLooksAtTheTailOnlyIfItHasReadAll(t *testing.T) {
	e := heapEnds(t, page)
	mustSend(t, e.p, 0, 16)
	mustSend(t, e.p, 1, 16)
	e.p.Publish()
	mustNext(t, e.c, 0, 16)
	atomic.StoreUint64(e.tail, 3) // would be an error
	mustNext(t, e.c, 1, 16)
	if _, err := e.c.Next(); err == nil || err == ErrEmpty {
		t.Errorf("%v, want the error that the tail is", err)
	}
}

// The length of a record is read once: what Next returned does not change size if the peer writes another one.
func TestARecordKeepsItsSizeWhateverThePeerWrites(t *testing.T) {
	onEachMemory(t, page, func(t *testing.T, e *ends) {
		mustSend(t, e.p, 0, 100)
		e.p.Publish()
		b := mustNext(t, e.c, 0, 100)
		binary.LittleEndian.PutUint32(e.records, math.MaxUint32)
		if len(b) != 100 || cap(b) != 100 || e.c.Held() != 104 {
			t.Errorf("length %d, capacity %d, %d held", len(b), cap(b), e.c.Held())
		}
	})
}

// Segments carry two queues at once, one in each direction.
func TestTheTwoDirectionsDoNotDisturbEachOther(t *testing.T) {
	a, aSeen := mapped(t, &Options{Capacity: page})
	b, bSeen := mapped(t, &Options{Capacity: 2 * page})
	there, back := join(a, b, aSeen, bSeen), join(b, a, bSeen, aSeen)
	for seq := range uint64(1000) {
		n, m := 4+int(seq%600), 4+int(seq*7%1500)
		mustSend(t, there.p, seq, n)
		mustSend(t, back.p, seq, m)
		there.p.Publish()
		back.p.Publish()
		there.p.Arm()
		if there.c.MustRing() != true || back.c.MustRing() != false {
			t.Fatal("one direction's sleep word is the other's")
		}
		there.p.Disarm()
		mustNext(t, there.c, seq, n)
		mustNext(t, back.c, seq, m)
		there.c.Release()
		back.c.Release()
	}
}
