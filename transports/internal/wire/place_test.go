package wire_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"
	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/internal/atomics"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/socktest"
)

// frameOf is a DATA frame of channel 1.
func frameOf(payload []byte) []byte { return socktest.Frame(2, 0, 1, 0, string(payload)) }

func sendAll(t *testing.T, sock int, b []byte) {
	t.Helper()
	for len(b) > 0 {
		n, err := fd.SendMsg(sock, b, nil, 0)
		if err != nil {
			t.Error(err)
			return
		}
		b = b[n:]
	}
}

// TestWhoGivesUpInTheMiddleOfALargeMessageLosesNothing has a Receive end while half of a message has come, which was read into the
// user's memory; the next one returns it whole, into other memory.
func TestWhoGivesUpInTheMiddleOfALargeMessageLosesNothing(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	sess, peer := hostileUnix(t, engine.Config{Wait: engine.Block}, ring.Options{Capacity: 1 << 20})
	sendAll(t, peer.Int(), socktest.Open(1, "x"))
	in := must(engine.Accept[engine.Raw](ctx, sess, "x"))
	for round := range 10 { // more than the ring takes
		body := bodyOf(7, uint64(round), 100<<10+round*1001)
		frame := frameOf(body)
		half := len(frame) / 2
		first := make(engine.Raw, len(body))
		// The socket is empty whenever a read finds something, so that a Receive has read all of the first half before it gives up, sooner
		// or later.
		sendAll(t, peer.Int(), frame[:half])
		eventually(t, "half of the message is in the user's memory", func() bool {
			short, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
			defer cancel()
			if err := in.Receive(short, &first); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			return bytes.Equal(first[:half-engine.HeaderSize], body[:half-engine.HeaderSize])
		})
		go sendAll(t, peer.Int(), frame[half:])
		second := make(engine.Raw, 0, 200<<10)
		if round%2 == 1 {
			second = nil // one that has no room is no worse
		}
		if err := in.Receive(ctx, &second); err != nil || !bytes.Equal(second, body) {
			t.Fatalf("round %d: %d bytes instead of %d, or others, and %v", round, len(second), len(body), err)
		}
	}
}

// TestHostileLargeMessages sends large frames that are no parcels, in pieces, to who waits for parcels with room for them. Each is
// refused by name, and the next good one comes whole.
func TestHostileLargeMessages(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	sess, peer := hostileUnix(t, engine.Config{Wait: engine.Block, Limits: engine.Limits{Window: 1 << 30}}, ring.Options{Capacity: 1 << 20})
	sendAll(t, peer.Int(), socktest.Frame(1, 0, 1, 0, "\x07msgpack\x01x"))
	body := bodyOf(1, 1, 100<<10)
	tuple := func(fields uint32, announced int, more ...byte) []byte {
		b := msgp.AppendArrayHeader(nil, fields)
		for n := range uint64(max(fields, 1) - 1) {
			b = msgp.AppendUint64(b, 1+n)
		}
		b = append(b, 0xc6)
		b = binary.BigEndian.AppendUint32(b, uint32(announced))
		return slices.Concat(b, body, more)
	}
	good := must((&parcel{1, 2, body}).MarshalMsg(nil))
	bad := map[string][]byte{
		"two fields":           tuple(2, len(body)),
		"four fields":          tuple(4, len(body)),
		"no fields":            tuple(0, len(body)),
		"2^32-1 fields":        tuple(3, len(body))[3:],
		"a longer tail":        tuple(3, len(body)+1),
		"a tail of 4 GiB":      tuple(3, 1<<32-1),
		"a shorter tail":       tuple(3, len(body)-1),
		"bytes behind it":      tuple(3, len(body), 0xc0),
		"a map":                append([]byte{0x83}, tuple(3, len(body))[1:]...),
		"text in a number":     slices.Concat([]byte{0x93, 0xa1, 'x', 2, 0xc6}, binary.BigEndian.AppendUint32(nil, uint32(len(body))), body),
		"arrays within arrays": bytes.Repeat([]byte{0x91}, len(body)),
		"bytes of no meaning":  body,
	}
	bad["2^32-1 fields"] = slices.Concat([]byte{0xdd, 255, 255, 255, 255}, bad["2^32-1 fields"])
	in := must(engine.Accept[parcel](ctx, sess, "x"))
	for name, payload := range bad {
		for _, cut := range []int{1, 4, 16, 17, 20, 30, 5000, 70 << 10} {
			go func() {
				b := frameOf(payload)
				sendAll(t, peer.Int(), b[:cut])
				if !socktest.Poll(func() bool { return unread(peer) == 0 }) {
					t.Error("the piece is not read")
				}
				sendAll(t, peer.Int(), slices.Concat(b[cut:], frameOf(good)))
			}()
			got := parcel{Body: make([]byte, 0, 200<<10)}
			if err := in.Receive(ctx, &got); !errors.Is(err, engine.ErrMalformed) {
				t.Errorf("%s, cut at %d: %v, want ErrMalformed", name, cut, err)
			}
			got = parcel{Body: make([]byte, 0, 200<<10)}
			if err := in.Receive(ctx, &got); err != nil || got.Sender != 1 || got.N != 2 || !bytes.Equal(got.Body, body) {
				t.Fatalf("%s, cut at %d: the next message has %d bytes, and %v", name, cut, len(got.Body), err)
			}
		}
	}
}

// TestAPeerThatDiesInTheMiddleOfALargeMessage has its receiver hear of that, as of any other end.
func TestAPeerThatDiesInTheMiddleOfALargeMessage(t *testing.T) {
	for _, cut := range []int{10, 17, 5000, 90 << 10} {
		residue(t)
		ctx := watchdog(t)
		sess, peer := hostileUnix(t, engine.Config{Wait: engine.Block}, ring.Options{Capacity: 1 << 20})
		sendAll(t, peer.Int(), socktest.Open(1, "x"))
		in := must(engine.Accept[engine.Raw](ctx, sess, "x"))
		sendAll(t, peer.Int(), frameOf(bodyOf(1, 1, 100<<10))[:cut])
		_ = peer.Close()
		got := make(engine.Raw, 200<<10)
		if err := in.Receive(ctx, &got); !errors.Is(err, engine.ErrPeerGone) {
			t.Errorf("cut at %d: %v, want ErrPeerGone", cut, err)
		}
	}
}

// TestLargeMessagesAllocateNothing sends and receives them with memory that is used again.
func TestLargeMessagesAllocateNothing(t *testing.T) {
	if atomics.Race {
		t.Skip("the race detector allocates")
	}
	for _, network := range []string{"unix", "tcp"} {
		ctx := context.Background()
		fa, fb := sockets(t, network)
		o := ring.Options{Capacity: 1 << 20}
		a := session(t, stream(network, fa), newEngine(t, engine.Config{Wait: engine.Block}), true, o)
		b := session(t, stream(network, fb), newEngine(t, engine.Config{Wait: engine.Block}), false, o)
		out, in := must(engine.Open[parcel](ctx, a, "x")), must(engine.Accept[parcel](ctx, b, "x"))
		back, backed := must(engine.Open[engine.Raw](ctx, b, "y")), must(engine.Accept[engine.Raw](ctx, a, "y"))
		done := make(chan bool)
		go func() {
			defer close(done)
			var got parcel
			answer := engine.Raw(bodyOf(2, 2, 100<<10))
			for in.Receive(ctx, &got) == nil && back.Send(ctx, &answer) == nil {
			}
		}()
		m, got := &parcel{1, 1, bodyOf(1, 1, 100<<10)}, engine.Raw(nil)
		turn := func() {
			if err := errors.Join(out.Send(ctx, m), backed.Receive(ctx, &got)); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			turn()
		}
		if n := testing.AllocsPerRun(200, turn); n >= 1 {
			t.Errorf("%s: %v allocations a round trip", network, n)
		}
		_ = a.Close()
		<-done
	}
}

// unread returns how much of what a socket has sent was not read yet.
func unread(f *fd.FD) int { return must(unix.IoctlGetInt(f.Int(), unix.TIOCOUTQ)) }
