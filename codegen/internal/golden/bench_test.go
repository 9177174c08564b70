package golden

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/codegen/gentest"
	"github.com/corechan/corechan/codegen/internal/golden/plain"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/codec/msgpack"
	"github.com/corechan/corechan/transports/inmem"
)

// generated is what both generators make.
type generated interface {
	msgp.Marshaler
	msgp.Unmarshaler
	msgp.Sizer
}

// BenchmarkMarshal and BenchmarkUnmarshal compare types of ours with the same of msgp's own making, filled with the same. They run in turn,
// in slices; the figures are the medians of those, so that what others do to the machine meets both.
func BenchmarkMarshal(b *testing.B) {
	pairs(b, func(b *testing.B, in, _ generated) func() {
		buf := make([]byte, 0, in.Msgsize())
		return func() {
			if _, err := in.MarshalMsg(buf[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUnmarshal(b *testing.B) {
	pairs(b, func(b *testing.B, in, out generated) func() {
		buf := encoded(b, in)
		return func() {
			if _, err := out.UnmarshalMsg(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// slice is how many operations are measured together.
const slice = 200

// pairs runs a benchmark with both kinds of types.
func pairs(b *testing.B, prepare func(b *testing.B, in, out generated) func()) {
	for _, p := range []struct {
		name                  string
		in, out, plainIn, too generated
	}{
		{"fields=ten", new(Ten), new(Ten), new(plain.Ten), new(plain.Ten)},
		{"fields=mixed", new(TenMixed), new(TenMixed), new(plain.TenMixed), new(plain.TenMixed)},
	} {
		b.Run(p.name, func(b *testing.B) {
			gentest.Fill(p.in, 0)
			gentest.Fill(p.plainIn, 0)
			ours, theirs := prepare(b, p.in, p.out), prepare(b, p.plainIn, p.too)
			b.ReportAllocs()
			b.ResetTimer()
			var times [2][]float64
			for left := b.N; left > 0; left -= slice {
				for i, f := range []func(){ours, theirs} {
					n := min(left, slice)
					began := time.Now()
					for range n {
						f()
					}
					times[i] = append(times[i], float64(time.Since(began))/float64(n))
				}
			}
			for i := range times {
				slices.Sort(times[i])
			}
			by, msgps := times[0][len(times[0])/2], times[1][len(times[1])/2]
			b.ReportMetric(by, "corechan-ns")
			b.ReportMetric(msgps, "msgp-ns")
			b.ReportMetric(by/msgps, "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// snapshot is some 4 KiB: half of it numbers, half of it text and bytes.
func snapshot(t testing.TB) []byte {
	t.Helper()
	s := Snapshot{Seq: 1 << 40, Symbol: "CHAN", Payload: make([]byte, 1200), Last: -1 << 40}
	for i := range 20 {
		l := Level{Price: int64(i) << 33, Amount: float64(i)}
		s.Bids, s.Asks = append(s.Bids, l), append(s.Asks, l)
	}
	for range 10 {
		s.Notes = append(s.Notes, strings.Repeat("note ", 30))
	}
	return encoded(t, &s)
}

// inOrder encodes a snapshot anew, by reflection, which keeps the fields' order.
func inOrder(t testing.TB, b []byte) []byte {
	t.Helper()
	type bare Snapshot
	var s Snapshot
	if _, err := s.UnmarshalMsg(b); err != nil {
		t.Fatal(err)
	}
	again, err := msgpack.Codec{}.Append(nil, (*bare)(&s))
	if err != nil || len(again) != len(b) || bytes.Equal(again, b) {
		t.Fatalf("%d bytes, %v", len(again), err)
	}
	return again
}

func TestTheViewReadsWhatIsDecoded(t *testing.T) {
	b := snapshot(t)
	if len(b) < 3900 || len(b) > 4300 {
		t.Errorf("the snapshot has %d bytes", len(b))
	}
	v := ViewSnapshot(b)
	seq, err := v.Seq()
	check(t, err)
	last, err := v.Last()
	check(t, err)
	if seq != 1<<40 || last != -1<<40 {
		t.Errorf("%d, %d", seq, last)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = v.Seq(); _, _ = v.Last() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkTwoFields reads the first and the last of seven fields of a 4 KiB message; as a view of one that was encoded without a view in
// mind, too, so that all else has to be passed over.
func BenchmarkTwoFields(b *testing.B) {
	buf := snapshot(b)
	b.Run("by=view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v := ViewSnapshot(buf)
			if _, err := v.Seq(); err != nil {
				b.Fatal(err)
			}
			if _, err := v.Last(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by=view-in-order", func(b *testing.B) {
		buf := inOrder(b, buf)
		b.ReportAllocs()
		for b.Loop() {
			v := ViewSnapshot(buf)
			if _, err := v.Seq(); err != nil {
				b.Fatal(err)
			}
			if _, err := v.Last(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by=decoding", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var s Snapshot
			if _, err := s.UnmarshalMsg(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by=decoding-again", func(b *testing.B) { // into a message that is used again
		b.ReportAllocs()
		var s Snapshot
		for b.Loop() {
			if _, err := s.UnmarshalMsg(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkReceive receives messages with slices: ours straight out of the ring, msgp's after they were copied and looked through.
func BenchmarkReceive(b *testing.B) {
	b.Run("by=corechan", receiveThem[TenMixed])
	b.Run("by=msgp", receiveThem[plain.TenMixed])
}

func receiveThem[T any](b *testing.B) {
	x, y, err := inmem.Pair(nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _, _ = x.Close(), y.Close() }()
	s, err := engine.Open[T](b.Context(), x, "messages")
	if err != nil {
		b.Fatal(err)
	}
	r, err := engine.Accept[T](b.Context(), y, "messages")
	if err != nil {
		b.Fatal(err)
	}
	in, out := new(T), new(T)
	gentest.Fill(in, 0)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Send(b.Context(), in); err != nil {
			b.Fatal(err)
		}
		if err := r.Receive(b.Context(), out); err != nil {
			b.Fatal(err)
		}
	}
}
