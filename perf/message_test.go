package perf

import (
	"errors"
	"testing"
	"time"
)

func TestATypedMessageHasExactlyTheSizeAskedFor(t *testing.T) {
	missing := 0
	for size := range 70000 {
		m, err := NewMessage(size)
		if err != nil {
			if !errors.Is(err, ErrSize) {
				t.Fatal(err)
			}
			if size >= MinTypedSize {
				missing++
			}
			continue
		}
		m.Sent = time.Now().UnixNano()
		for _, seq := range []uint64{m.Seq, m.Seq + 1<<40} {
			m.Seq = seq
			if b, err := m.MarshalMsg(nil); err != nil || len(b) != size {
				t.Fatalf("size %d: encoded %d bytes, %v", size, len(b), err)
			}
		}
	}
	if missing != 3 { // 277, 65558 and 65559
		t.Errorf("%d sizes are missing, want 3", missing)
	}
	if _, err := NewMessage(MinTypedSize - 1); err == nil {
		t.Error("a message below the minimum")
	}
}

func TestATypedMessageIsEncodedAndDecodedWithoutAllocation(t *testing.T) {
	in, err := NewMessage(64)
	if err != nil {
		t.Fatal(err)
	}
	in.Sent = time.Now().UnixNano()
	var out Message
	buf := make([]byte, 0, 256)
	n := testing.AllocsPerRun(100, func() {
		in.Seq++
		b, err := in.MarshalMsg(buf)
		if err != nil {
			t.Fatal(err)
		}
		if rest, err := out.UnmarshalMsg(b); err != nil || len(rest) != 0 {
			t.Fatal(len(rest), err)
		}
	})
	if n != 0 || out.Seq != in.Seq || out.Sent != in.Sent || len(out.Pad) != len(in.Pad) {
		t.Errorf("%v allocations, %+v", n, out)
	}
}
