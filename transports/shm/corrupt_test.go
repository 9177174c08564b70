package shm_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/shm"
)

// capacity of a hostile peer's ring.
const capacity = 64 << 10

// A crime is what a hostile peer does after a good handshake, and what its session must end with.
type crime struct {
	name string
	do   func(h *hostile)
	// want are causes of the ProtocolError.
	want []error
}

var (
	position = []error{ring.ErrPosition}
	length   = []error{ring.ErrLength}
)

// prelude opens a channel, so that the positions are somewhere in the middle of their range.
func (h *hostile) prelude() {
	h.open(1, "ping")
	h.consumed()
}

// lengths publishes n bytes that begin with a length.
func lengths(length uint32, n uint64) func(h *hostile) {
	return func(h *hostile) {
		h.prelude()
		at := h.prod.Published()
		binary.LittleEndian.PutUint32(h.mem[header+int(at):], length)
		h.poke(wordTail, at+n)
	}
}

// tails publishes a tail that is beside what it should be.
func tails(change func(tail uint64) uint64) func(h *hostile) {
	return func(h *hostile) {
		h.prelude()
		h.poke(wordTail, change(h.prod.Published()))
	}
}

// heads has the victim send until its ring is full, releases some of that, and then a head that it should not.
func heads(change func(head, tail uint64) uint64) func(h *hostile) {
	return func(h *hostile) {
		h.open(1, "flood")
		for range 3 {
			for !h.full() {
			}
			h.cons.Release()
			fd.Poke(h.sock.Int())
		}
		for !h.full() {
		}
		tail := h.cons.Position()
		h.poke(wordHead, change(tail-uint64(h.cons.Held()), tail))
	}
}

// full reads until the victim's ring is full.
func (h *hostile) full() bool {
	h.t.Helper()
	eventually(h.t, "the victim sends", func() bool {
		_, err := h.cons.Next()
		return err == nil || h.cons.Held() > h.cons.Capacity()-200
	})
	return h.cons.Held() > h.cons.Capacity()-200
}

// says sends frames.
func says(list ...frame) func(h *hostile) {
	return func(h *hostile) {
		h.prelude()
		for _, f := range list {
			h.frame(f)
		}
	}
}

func crimes() []crime {
	long := make([]byte, 1025)
	open := func(id uint32, payload []byte) frame { return frame{typ: frameOpen, channel: id, payload: payload} }
	list := []crime{
		{"tail goes back", tails(func(tail uint64) uint64 { return tail - 8 }), position},
		{"tail goes back to 0", tails(func(uint64) uint64 { return 0 }), position},
		{"tail wraps below 0", tails(func(uint64) uint64 { return 1<<64 - 8 }), position},
		{"tail leaps by the ring and 8", tails(func(tail uint64) uint64 { return tail + capacity + 8 }), position},
		{"tail leaps by 2^63", tails(func(tail uint64) uint64 { return tail + 1<<63 }), position},
		{"tail is misaligned", tails(func(tail uint64) uint64 { return tail + 4 }), position},

		{"length 0", lengths(0, 64), length},
		{"length 3", lengths(3, 64), length},
		{"length 2^32-1", lengths(1<<32-1, 64), length},
		{"length 2^31", lengths(1<<31, 64), length},
		{"length beyond the ring", lengths(capacity+8, 64), length},
		{"length beyond the tail", lengths(72, 64), length},
		{"length beyond the tail, misaligned", lengths(65, 64), length},
		{"length beyond all that may be published", lengths(capacity, capacity-64), length},
		{"length shorter than a frame", lengths(15, 16), nil},
		{"length 4", lengths(4, 8), nil},

		{"head goes back", heads(func(head, _ uint64) uint64 { return head - 8 }), position},
		{"head goes back to 0", heads(func(uint64, uint64) uint64 { return 0 }), position},
		{"head wraps below 0", heads(func(uint64, uint64) uint64 { return 1<<64 - 8 }), position},
		{"head leaps beyond the tail", heads(func(_, tail uint64) uint64 { return tail + 4096 }), position},
		{"head leaps by 2^63", heads(func(head, _ uint64) uint64 { return head + 1<<63 }), position},
		{"head is misaligned", heads(func(head, _ uint64) uint64 { return head + 4 }), position},

		{"DATA for a channel that was never opened", says(frame{typ: frameData, channel: 3}), nil},
		{"DATA for channel 0", says(frame{typ: frameData}), nil},
		{"DATA for a channel of the other side's", says(frame{typ: frameData, channel: 4}), nil},
		{"CREDIT for a channel that was never opened", says(frame{typ: frameCredit, channel: 4, arg: 1}), nil},
		{"CLOSE for a channel that was never opened", says(frame{typ: frameClose, channel: 3}), nil},
		{"RESET for a channel that was never opened", says(frame{typ: frameReset, channel: 4}), nil},
		{"LANE for a channel that was never opened", says(frame{typ: frameLane, channel: 4}), nil},
		{"LANE for one's own channel", says(frame{typ: frameLane, channel: 1}), nil},

		{"CREDIT of 0", says(frame{typ: frameCredit, channel: 2}), nil},
		{"CREDIT of 2^31", says(frame{typ: frameCredit, channel: 2, arg: 1 << 31}), nil},
		{"CREDIT of 2^32-1", says(frame{typ: frameCredit, channel: 2, arg: 1<<32 - 1}), nil},
		{"CREDIT with a payload", says(frame{typ: frameCredit, channel: 2, arg: 1, payload: []byte{1}}), nil},
		{"CREDIT with flags", says(frame{typ: frameCredit, channel: 2, arg: 1, flags: 1}), nil},

		{"DATA with flags", says(frame{typ: frameData, channel: 1, flags: 2}), nil},
		{"DATA with attachments", says(frame{typ: frameData, channel: 1, attachments: 1}), nil},
		{"CLOSE with flags", says(frame{typ: frameClose, channel: 1, flags: 128}), nil},
		{"CLOSE with a text of 1025 bytes", says(frame{typ: frameClose, channel: 1, payload: long}), nil},
		{"RESET with a text of 1025 bytes", says(frame{typ: frameReset, channel: 2, payload: long}), nil},
		{"GOAWAY with a text of 1025 bytes", says(frame{typ: frameGoAway, payload: long}), nil},
		{"GOAWAY for a channel", says(frame{typ: frameGoAway, channel: 1}), nil},

		{"OPEN of channel 0", says(open(0, openPayload("raw", "x"))), nil},
		{"OPEN of a channel of the other side's", says(open(2, openPayload("raw", "x"))), nil},
		{"OPEN of a channel again", says(open(1, openPayload("raw", "x"))), nil},
		{"OPEN going back", says(open(9, openPayload("raw", "x")), open(7, openPayload("raw", "x"))), nil},
		{"OPEN without payload", says(open(3, nil)), nil},
		{"OPEN without a name", says(open(3, openPayload("raw", ""))), nil},
		{"OPEN with half a name", says(open(3, openPayload("raw", "half")[:7])), nil},
		{"OPEN with bytes behind the name", says(open(3, append(openPayload("raw", "x"), 0))), nil},
		{"OPEN with a name that is no UTF-8", says(open(3, openPayload("raw", "\xff"))), nil},
		{"OPEN with a codec of 255 bytes", says(open(3, append([]byte{255}, make([]byte, 280)...))), nil},
		{"OPEN with a payload of 1025 bytes", says(open(3, long)), nil},
		{"OPEN with an argument", says(frame{typ: frameOpen, channel: 3, arg: 1, payload: openPayload("raw", "x")}), nil},
		{"OPEN with unknown flags", says(frame{typ: frameOpen, channel: 3, flags: 2, payload: openPayload("raw", "x")}), nil},

		{"more than the credit", func(h *hostile) {
			h.prelude()
			h.open(3, "nobody reads this")
			for range 6 { // 5 may be: the last one exceeds the window by its own size
				h.frame(frame{typ: frameData, channel: 3, payload: make([]byte, 1000)})
			}
		}, nil},
		{"more than 1024 descriptors that no frame speaks of", func(h *hostile) {
			h.prelude()
			for range 10 {
				if h.trySay([]byte{1}, copies(253)(h.t)...) != nil {
					break // hung up
				}
			}
		}, nil},
		{"a lane of a descriptor that did not come", lane(2), nil},
		{"a lane of one descriptor", func(h *hostile) {
			lane(1, copies(1)(h.t)...)(h)
		}, []error{shm.ErrHandshake}},
		{"a lane of three descriptors", func(h *hostile) {
			f := copies(1)(h.t)[0]
			lane(3, f, f, f)(h)
		}, []error{shm.ErrHandshake}},
		{"a lane without descriptors", lane(0), nil},
		{"a lane over an unsealed segment", func(h *hostile) {
			f, _ := forge(h.t, forgery{capacity: 4096, unsealed: true})
			lane(2, f, h.sock)(h)
		}, []error{fd.ErrUnsealed}},
		{"a lane over a segment of another version", func(h *hostile) {
			f, _ := forge(h.t, forgery{capacity: 4096, word: word32(8, 7)})
			lane(2, f, h.sock)(h)
		}, []error{ring.ErrVersion}},
		{"a lane without a socket", func(h *hostile) {
			f, _ := forge(h.t, forgery{capacity: 4096})
			lane(2, f, f)(h)
		}, nil},
		{"a lane over a segment without records", func(h *hostile) {
			f, _ := forge(h.t, forgery{})
			lane(2, f, h.sock)(h)
		}, []error{shm.ErrHandshake}},
	}
	for _, typ := range []byte{0, 6, 7, 10, 127, 255} {
		list = append(list, crime{fmt.Sprint("unknown frame type ", typ), says(frame{typ: typ, channel: 1}), nil})
	}
	return list
}

// lane opens a lane of n attachments, and gives fds.
func lane(n uint16, fds ...*fd.FD) func(h *hostile) {
	return func(h *hostile) {
		h.prelude()
		if len(fds) != 0 {
			h.say([]byte{1}, fds...)
		}
		h.frame(frame{typ: frameOpen, flags: 1, attachments: n, channel: 3, payload: openPayload("raw", "x")})
	}
}

func TestACrimeEndsTheCriminalsSessionByNameAndOthersGoOn(t *testing.T) {
	for _, w := range []engine.Wait{engine.Hybrid, engine.Block} {
		t.Run(w.String(), func(t *testing.T) {
			residue(t)
			addr := address()
			s := serve(t, addr, shm.Options{Ring: ring.Options{Capacity: smallRing}},
				engine.Config{Wait: w, Limits: engine.Limits{Window: 4096}})
			neighbour := dial(t, addr, &shm.Options{Engine: newEngine(t, engine.Config{Wait: w})})
			for _, c := range crimes() {
				t.Run(c.name, func(t *testing.T) {
					h := hostileDial(t, addr, capacity)
					c.do(h)
					protocolError(t, within(t, "the session's end", s.ended), c.want...)
					h.hungUp()
					neighbour.goesOn(t)
				})
			}
		})
	}
}

// A hostile peer may write anything at any time into its segment: the session ends, with an error, or goes on.
func TestASegmentFullOfNoiseHarmsNobodyElse(t *testing.T) {
	residue(t)
	addr := address()
	s := serve(t, addr, shm.Options{Ring: ring.Options{Capacity: smallRing}}, engine.Config{})
	neighbour := dial(t, addr, &shm.Options{Engine: newEngine(t, engine.Config{})})
	random := rand.New(rand.NewPCG(1, 2))
	words := []int{wordTail, wordHead, wordTailSleep, wordHeadSleep}
	for range 30 {
		h := hostileDial(t, addr, 4096)
		h.open(1, "flood")
		for over := false; !over; {
			for i := range h.mem[header : header+4096] {
				h.mem[header+i] = byte(random.Uint32() >> 28)
			}
			for range 16 {
				h.poke(words[random.IntN(len(words))], random.Uint64()>>random.IntN(64))
			}
			select {
			case err := <-s.ended:
				protocolError(t, err)
				over = true
			default:
			}
		}
		h.close()
	}
	neighbour.goesOn(t)
}

// A peer whose sleep words never rest has its bell rung as often as it likes, and nobody waits for it.
func TestSleepWordsThatNeverRestHarmNobody(t *testing.T) {
	residue(t)
	addr := address()
	serve(t, addr, shm.Options{}, engine.Config{})
	h := hostileDial(t, addr, 4*capacity)
	h.open(1, "ping")
	for i := range uint64(600) { // more rings than a socket's buffer holds
		binary.LittleEndian.PutUint64(h.mem[wordHeadSleep:], 2*i+1)
		binary.LittleEndian.PutUint64(h.mem[wordTailSleep:], 2*i+1)
		h.frame(frame{typ: frameData, channel: 1, payload: []byte("hello")})
		h.consumed()
	}
	got := 0
	eventually(t, "all has come back", func() bool {
		for {
			b, err := h.cons.Next()
			if err != nil {
				h.cons.Release()
				return got == 600
			}
			if b[4] == frameData && string(b[16:]) == "hello" {
				got++
			}
		}
	})
}

// A peer's lies may come while the victim waits, spins or sends; here it is the dialer.
func TestACriminalListenerEndsTheDialersSessionByName(t *testing.T) {
	for _, c := range []crime{
		{"tail leaps", func(h *hostile) { h.poke(wordTail, 1<<40) }, position},
		{"length 0", func(h *hostile) { h.poke(wordTail, 8) }, length},
		{"OPEN of a dialer's channel", func(h *hostile) { h.open(1, "x") }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			residue(t)
			addr := address()
			ln := must(fd.Listen(addr, 1))
			defer ln.Close()
			dialed := make(chan error, 1)
			o := &shm.Options{Engine: newEngine(t, engine.Config{})}
			go func() {
				s, err := shm.Dial(watchdog(t), addr, o)
				if err == nil {
					defer s.Close()
					_, err = engine.Accept[engine.Raw](watchdog(t), s, "pong")
				}
				dialed <- err
			}()
			h := &hostile{t: t, sock: must(ln.Accept())}
			defer h.close()
			b, fds := h.hear(helloSize)
			if len(b) != helloSize || len(fds) != 1 {
				t.Fatalf("%q with %d descriptors", b, len(fds))
			}
			theirs := must(ring.Open(fds[0], 0, false))
			defer theirs.Close()
			closeFDs(fds)
			f, mem := forge(t, forgery{capacity: 4096})
			h.use(mem, theirs)
			h.say(hello(), f)
			c.do(h)
			protocolError(t, within(t, "the dialer's error", dialed), c.want...)
		})
	}
}

// GOAWAY is how a good peer closes.
func TestGoAwayEndsTheSessionWithItsReason(t *testing.T) {
	residue(t)
	addr := address()
	s := serve(t, addr, shm.Options{}, engine.Config{})
	h := hostileDial(t, addr, capacity)
	h.frame(frame{typ: frameGoAway, arg: 1, payload: []byte("lunch")})
	err := within(t, "the session's end", s.ended)
	if want := fmt.Errorf("%w: %w", engine.ErrSessionClosed, &engine.ChannelError{Code: 1, Text: "lunch"}); err == nil || err.Error() != want.Error() {
		t.Errorf("%v, want %v", err, want)
	}
	h.hungUp()
}

// lane opens a lane as it should be, and returns its peer's half.
func (h *hostile) lane(id uint32, name string) *hostile {
	h.t.Helper()
	f, mem := forge(h.t, forgery{capacity: capacity})
	ours, theirs, err := fd.Socketpair()
	if err != nil {
		h.t.Fatal(err)
	}
	h.say([]byte{1}, f, theirs)
	_ = theirs.Close()
	h.frame(frame{typ: frameOpen, flags: 1, attachments: 2, channel: id, payload: openPayload("raw", name)})
	var fds []*fd.FD
	for len(fds) == 0 { // there may be bells before
		_, fds = h.hear(1)
	}
	segment := must(ring.Open(fds[0], 0, false))
	closeFDs(fds)
	l := &hostile{t: h.t, sock: ours}
	h.t.Cleanup(func() {
		l.close()
		_ = segment.Close()
	})
	l.use(mem, segment)
	return l
}

func TestACrimeOnALaneEndsTheLaneByNameAndTheSessionGoesOn(t *testing.T) {
	for _, c := range []crime{
		{"tail goes back", func(l *hostile) { l.poke(wordTail, l.prod.Published()-8) }, position},
		{"tail leaps", func(l *hostile) { l.poke(wordTail, l.prod.Published()+capacity+8) }, position},
		{"tail is misaligned", func(l *hostile) { l.poke(wordTail, l.prod.Published()+4) }, position},
		{"length 0", func(l *hostile) { l.poke(wordTail, l.prod.Published()+64) }, length},
		{"length 2^32-1", func(l *hostile) {
			binary.LittleEndian.PutUint32(l.mem[header+int(l.prod.Published()):], 1<<32-1)
			l.poke(wordTail, l.prod.Published()+64)
		}, length},
		{"DATA of another channel", func(l *hostile) { l.frame(frame{typ: frameData, channel: 1}) }, nil},
		{"OPEN", func(l *hostile) { l.open(5, "x") }, nil},
		{"GOAWAY", func(l *hostile) { l.frame(frame{typ: frameGoAway}) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			residue(t)
			ctx := watchdog(t)
			addr := address()
			ln := must(shm.Listen(ctx, addr, &shm.Options{Engine: newEngine(t, engine.Config{})}))
			defer ln.Close()
			h := hostileDial(t, addr, capacity)
			s := must(ln.Accept(ctx))
			defer s.Close()
			accepted := make(chan engine.Receiver[engine.Raw], 1)
			go func() { accepted <- must(engine.Accept[engine.Raw](ctx, s, "lane")) }()
			l := h.lane(3, "lane")
			r := within(t, "the lane", accepted)
			l.frame(frame{typ: frameData, channel: 3, payload: []byte("hello")})
			var m engine.Raw
			if err := r.Receive(ctx, &m); err != nil || string(m) != "hello" {
				t.Fatal(string(m), err)
			}
			l.consumed()
			received := make(chan error, 1)
			go func() { received <- r.Receive(ctx, &m) }()
			c.do(l)
			protocolError(t, within(t, "the lane's end", received), c.want...)
			l.hungUp()

			h.open(5, "x")
			h.frame(frame{typ: frameData, channel: 5, payload: []byte("more")})
			x := must(engine.Accept[engine.Raw](ctx, s, "x"))
			if err := x.Receive(ctx, &m); err != nil || string(m) != "more" {
				t.Error(string(m), err)
			}
		})
	}
}
