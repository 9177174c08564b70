package golden

import (
	"errors"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/codegen/gentest"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/inmem"
)

// A liar is a message that encodes itself as whatever it is told.
type liar struct{ b []byte }

func (l *liar) MarshalMsg(b []byte) ([]byte, error)   { return append(b, l.b...), nil }
func (l *liar) UnmarshalMsg(b []byte) ([]byte, error) { return nil, nil }
func (l *liar) Msgsize() int                          { return len(l.b) }

// between returns the ends of a channel on which the two sides have different types.
func between[A, B any](t *testing.T) (engine.Sender[A], engine.Receiver[B]) {
	t.Helper()
	a, b, err := inmem.Pair(nil)
	check(t, err)
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	s, err := engine.Open[A](t.Context(), a, "messages")
	check(t, err)
	r, err := engine.Accept[B](t.Context(), b, "messages")
	check(t, err)
	return s, r
}

func TestAHostilePayloadLosesOnlyItself(t *testing.T) {
	t.Run("Bounded", func(t *testing.T) { hostile[TenMixed](t) })
	t.Run("Carrier", func(t *testing.T) { hostile[Order](t) })
	t.Run("Packer", func(t *testing.T) { hostile[Upload](t) })
	t.Run("deep", func(t *testing.T) { hostile[Node](t) })
	t.Run("any", func(t *testing.T) { hostile[Containers](t) })
}

func hostile[T any](t *testing.T) {
	s, r := between[liar, T](t)
	payloads := gentest.Hostile()
	for _, name := range []string{"Levels", "Next", "List", "Map", "Files", "Anys", "ID"} {
		for _, value := range gentest.Hostile() {
			payloads = append(payloads, append(msgp.AppendString([]byte{0x81}, name), value...))
		}
	}
	for _, p := range payloads {
		check(t, s.Send(t.Context(), &liar{p}))
		if err := r.Receive(t.Context(), new(T)); err != nil && !errors.Is(err, engine.ErrMalformed) {
			t.Fatalf("%.20x: %v", p, err)
		}
	}
	check(t, s.Send(t.Context(), &liar{[]byte{0x80}}))
	check(t, r.Receive(t.Context(), new(T)))
}

func TestAViewReadsALease(t *testing.T) {
	s, r := between[Snapshot, Snapshot](t)
	check(t, s.Send(t.Context(), &Snapshot{Seq: 5, Symbol: "CHAN", Last: -3, Bids: []Level{{1, 2}}}))
	lease, err := r.Lease(t.Context())
	check(t, err)
	v := ViewSnapshot(lease.Bytes())
	seq, err := v.Seq()
	check(t, err)
	symbol, err := v.Symbol()
	check(t, err)
	bids, err := v.Bids()
	check(t, err)
	check(t, lease.Release())
	if seq != 5 || symbol != "CHAN" || len(bids) != 1 || bids[0] != (Level{1, 2}) {
		t.Errorf("%d, %q, %v", seq, symbol, bids)
	}
}
