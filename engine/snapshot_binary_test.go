package engine_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
)

// snapshotOf is a snapshot with something in every field.
func snapshotOf(sessions, channels int) *engine.Snapshot {
	s := &engine.Snapshot{Time: time.Unix(1, 2), MoreSessions: 3, MoreChannels: 4, Runtime: engine.RuntimeSnapshot{
		Goroutines: 5, GCCycles: 6, SchedulerLatency: engine.Durations{{High: 7, Count: 8}}, GCPauses: engine.Durations{{High: 9, Count: 10}},
	}}
	l := engine.LoopSnapshot{Core: -1, Service: true, Load: 11}
	l.Turns, l.Exhausted, l.Busiest.Label, l.Busiest.Time = 12, 13, "busy", 14
	l.Sessions, l.Passed.FramesSent, l.Queues.SendRing = 34, 35, 36
	s.Latencies = []engine.LatencySnapshot{
		{Channel: "orders", Transport: "shm", Core: 1, Times: engine.Durations{{High: 37, Count: 38}, {High: 39, Count: 40}}, Sum: 41, Max: 42, Discarded: 43},
		{Core: -1, Times: engine.Durations{{High: 44, Count: 45}}},
	}
	s.Loops = append(s.Loops, l, engine.LoopSnapshot{Core: 2})
	c := engine.Counters{FramesSent: 15, BytesReceived: 16, FullRingTime: 17, Rings: 18}
	q := engine.Queues{SendQueue: 19, ReceiveRing: 20}
	s.Transports = append(s.Transports, engine.TransportSnapshot{Transport: "shm", Sessions: 21, Opened: 22, Counters: c, Queues: q})
	for i := range sessions {
		one := engine.SessionSnapshot{
			ID: uint64(i) + 1, Transport: "shm", Dialer: i%2 == 0, Local: true, Addr: "shm://@x", PeerPID: 23, PeerUID: 24, Core: 25, Age: 26,
			Lanes: 27, References: 28, Counters: c, Queues: q,
		}
		one.BytesSent = uint64(i)
		for j := range channels {
			one.Channels = append(one.Channels, engine.ChannelInfo{
				ID: uint32(j) + 1, Name: "orders", Direction: engine.Sends, Codec: "msgpack", Lane: true, Queued: 29, QueuedBytes: 30,
				Credit: -1, Messages: 31, Bytes: 32, Age: 33,
			})
		}
		s.Sessions = append(s.Sessions, one)
	}
	return s
}

func TestASnapshotSurvivesItsBinaryForm(t *testing.T) {
	for _, s := range []*engine.Snapshot{snapshotOf(0, 0), snapshotOf(3, 2)} {
		b, err := s.AppendBinary([]byte("before"))
		check(t, err)
		var got engine.Snapshot
		check(t, got.UnmarshalBinary(b[len("before"):]))
		want, _ := json.Marshal(s)
		if have, _ := json.Marshal(&got); len(s.Sessions) != 0 && string(have) != string(want) {
			t.Errorf("%s\nis not\n%s", have, want)
		}
	}
}

// A program of an earlier version, whose records have fewer fields, can be read, and so can one of a later version.
func TestASnapshotOfAnotherVersionCanBeRead(t *testing.T) {
	good, err := snapshotOf(2, 0).AppendBinary(nil)
	check(t, err)
	const sessions = 56 + 2*16 // the section of sessions in the header
	offset, size := binary.LittleEndian.Uint32(good[sessions:]), binary.LittleEndian.Uint32(good[sessions+8:])
	for _, other := range []uint32{size - 64, size + 64} {
		b := slices.Clone(good)
		binary.LittleEndian.PutUint32(b[sessions:], uint32(len(b)))
		binary.LittleEndian.PutUint32(b[sessions+8:], other)
		for i := range uint32(2) {
			record := make([]byte, other)
			copy(record, good[offset+i*size:][:size])
			b = append(b, record...)
		}
		var s engine.Snapshot
		check(t, s.UnmarshalBinary(b))
		if len(s.Sessions) != 2 || s.Sessions[1].ID != 2 || s.Sessions[1].Addr != "shm://@x" || s.Sessions[1].FramesSent != 15 ||
			(s.Sessions[1].ReceiveRing != 0) != (other > size) {
			t.Errorf("%+v", s.Sessions)
		}
	}
}

// What is too much is left out, and what is left out is counted.
func TestABinarySnapshotIsBounded(t *testing.T) {
	s := snapshotOf(engine.MaxSnapshotSessions+10, 5)
	s.Transports[0].Transport = strings.Repeat("é", 100)
	b, err := s.AppendBinary(nil)
	check(t, err)
	if len(b) > engine.MaxSnapshot {
		t.Fatalf("%d bytes", len(b))
	}
	var got engine.Snapshot
	check(t, got.UnmarshalBinary(b))
	n := 0
	for i := range got.Sessions {
		n += len(got.Sessions[i].Channels)
	}
	if len(got.Sessions) != engine.MaxSnapshotSessions || got.MoreSessions != 3+10 || got.Sessions[0].BytesSent != uint64(len(s.Sessions)-1) {
		t.Errorf("%d sessions, %d more, the first with %d bytes", len(got.Sessions), got.MoreSessions, got.Sessions[0].BytesSent)
	}
	if n != engine.MaxSnapshotChannels || got.MoreChannels != uint64(4+len(s.Sessions)*5-n) {
		t.Errorf("%d channels, %d more", n, got.MoreChannels)
	}
	if name := got.Transports[0].Transport; name != strings.Repeat("é", 8) {
		t.Errorf("%q", name)
	}
	if s.Sessions[0].ID != 1 {
		t.Error("the snapshot was changed")
	}
	s.Sessions = s.Sessions[:1]
	s.Sessions[0].Channels = slices.Repeat(s.Sessions[0].Channels, engine.MaxSnapshotChannels)
	s.Loops = slices.Repeat(s.Loops, 10_000)
	s.Runtime.GCPauses = slices.Repeat(s.Runtime.GCPauses, 10_000)
	b, err = s.AppendBinary(nil)
	check(t, err)
	check(t, got.UnmarshalBinary(b))
}

func TestTextFromAnotherProcessIsHarmless(t *testing.T) {
	s := snapshotOf(1, 1)
	s.Sessions[0].Addr = "\x1b[2J\xff\u202e\nshm"
	b, err := s.AppendBinary(nil)
	check(t, err)
	var got engine.Snapshot
	check(t, got.UnmarshalBinary(b))
	if a := got.Sessions[0].Addr; a != "?[2J???shm" {
		t.Errorf("%q", a)
	}
}

func TestWhatIsNoSnapshotIsRefused(t *testing.T) {
	good, err := snapshotOf(2, 2).AppendBinary(nil)
	check(t, err)
	was := *snapshotOf(1, 0)
	for n, change := range []func(b []byte) []byte{
		func([]byte) []byte { return nil },
		func(b []byte) []byte { return b[:100] },
		func(b []byte) []byte { return b[:len(b)-1] },
		func(b []byte) []byte { b[0]++; return b },
		func(b []byte) []byte { b[8]++; return b },
		func([]byte) []byte { return make([]byte, engine.MaxSnapshot+1) },
		func(b []byte) []byte { return fill8(b, 56, 0xff) },    // offset and count of the first section
		func(b []byte) []byte { return fill8(b, 56+8, 0) },     // its size
		func(b []byte) []byte { return fill8(b, 56+36, 0xff) }, // count and size of the third
	} {
		got := was
		err := got.UnmarshalBinary(change(slices.Clone(good)))
		if !errors.Is(err, engine.ErrSnapshot) {
			t.Errorf("change %d: %v", n, err)
		}
		if !reflect.DeepEqual(got, was) {
			t.Errorf("change %d: it was changed", n)
		}
	}
}

func fill8(b []byte, at int, v byte) []byte {
	for i := range 8 {
		b[at+i] = v
	}
	return b
}

// Whatever the bytes, what is read of them is within its bounds, and can be written again.
func FuzzSnapshot(f *testing.F) {
	for n := range 3 {
		b, _ := snapshotOf(n, n).AppendBinary(nil)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s engine.Snapshot
		if err := s.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, engine.ErrSnapshot) {
				t.Fatal(err)
			}
			return
		}
		if len(s.Sessions) > engine.MaxSnapshotSessions || s.Runtime.SchedulerLatency.Quantile(0.99) < 0 {
			t.Fatalf("%+v", s)
		}
		if _, err := json.Marshal(&s); err != nil {
			t.Fatal(err)
		}
		again, err := s.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var same engine.Snapshot
		if err := same.UnmarshalBinary(again); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(same) != fmt.Sprint(s) {
			t.Fatalf("%+v\nis not\n%+v", same, s)
		}
	})
}
