package engine_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
)

// counted returns how many messages of a channel's name were counted, by whichever core, and how many were discarded.
func counted(e *engine.Engine, name string) (n, discarded uint64) {
	for _, l := range e.Snapshot().Latencies {
		if l.Channel == name {
			n += l.Times.Count()
			discarded += l.Discarded
		}
	}
	return n, discarded
}

// stampFor has an engine stamp from the next message on.
func stampFor(t testing.TB, e *engine.Engine, d time.Duration) {
	t.Helper()
	e.StampMessages(d)
	for deadline := time.Now().Add(patience); !e.Stamps(d > 0); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not all ports do what they should")
		}
	}
}

// Whatever way a message takes, it comes as it was sent, and is counted once; without stamps it is not.
func TestStampedMessagesAreCounted(t *testing.T) {
	sessions(t, func(t *testing.T, c setting) {
		ctx := watchdog(t)
		o := with(t, engine.Config{Wait: c.wait})
		e := connectWith[engine.Raw](t, c.kind, o)
		n := 0
		exchange := func() {
			for i := range 20 {
				text := strings.Repeat("x", i)
				out := engine.Raw(text)
				switch i % 3 {
				case 0:
					check(t, e.s.Send(ctx, &out))
				case 1:
					check(t, e.s.SendWith(ctx, &out, &engine.SendOptions{Header: engine.Header{"k": text}}))
				case 2:
					slot := must(e.s.Reserve(ctx, len(out)+10))
					copy(slot.Bytes(), out)
					check(t, slot.Commit(len(out)))
				}
				n++
				var in engine.Raw
				var m engine.Meta
				check(t, e.r.ReceiveWith(ctx, &in, &m))
				if string(in) != text || (i%3 == 1) != (m.Header["k"] == text && m.Header != nil) {
					t.Fatalf("%q with %v, not %q", in, m, text)
				}
			}
		}
		exchange()
		if got, _ := counted(o.Engine, "x"); got != 0 {
			t.Errorf("%d are counted without stamps", got)
		}
		stampFor(t, o.Engine, time.Hour)
		n = 0
		begin := time.Now()
		exchange()
		took := time.Since(begin)
		got, discarded := counted(o.Engine, "x")
		if got != uint64(n) || discarded != 0 {
			t.Errorf("%d are counted and %d discarded, of %d", got, discarded, n)
		}
		for _, l := range o.Engine.Snapshot().Latencies {
			if l.Sum > took || l.Max > l.Sum || l.Max < 0 || l.Core < -1 {
				t.Errorf("%+v in %v", l, took)
			}
		}
		stampFor(t, o.Engine, 0)
		exchange()
		if after, _ := counted(o.Engine, "x"); after != got {
			t.Errorf("%d more are counted after the end of stamps", after-got)
		}
	})
}

// A message that waits for its receiver has taken as long as that.
func TestALatencyLastsUntilTheMessageIsReceived(t *testing.T) {
	ctx := watchdog(t)
	o := with(t, engine.Config{})
	a, b := pair(t, o)
	s, r := open[engine.Raw](t, channel, a, b, "slow")
	stampFor(t, o.Engine, time.Hour)
	out := engine.Raw("x")
	const wait = 20 * time.Millisecond
	sent := time.Now()
	check(t, s.Send(ctx, &out))
	polled(t, b, func() { // puts it into the inbox
		for time.Since(sent) < wait {
			time.Sleep(wait / 10)
		}
	})
	check(t, r.Receive(ctx, &out))
	took := time.Since(sent)
	l := o.Engine.Snapshot().Latencies
	if len(l) != 1 || l[0].Channel != "slow" || l[0].Transport != a.Transport() || l[0].Sum < wait || l[0].Sum > took || l[0].Times.Count() != 1 {
		t.Fatalf("%+v, within %v", l, took)
	}
	if high := l[0].Times[0].High; high < l[0].Max || high > l[0].Max+l[0].Max/16 {
		t.Errorf("the bucket of %v ends at %v", l[0].Max, high)
	}
}

// A stamp must not make a message too large.
func TestAMessageWithoutRoomForAStampHasNone(t *testing.T) {
	for _, kind := range []string{channel, lane} {
		t.Run(kind, func(t *testing.T) {
			ctx := watchdog(t)
			o := with(t, engine.Config{Limits: engine.Limits{MaxMessage: 1000}})
			e := connectWith[engine.Raw](t, kind, o)
			stampFor(t, o.Engine, time.Hour)
			for _, size := range []int{1000, 993, 992, 1000, 1, 999} {
				out := make(engine.Raw, size)
				out[size-1] = 7
				check(t, e.s.Send(ctx, &out))
				var in engine.Raw
				check(t, e.r.Receive(ctx, &in))
				if len(in) != size || in[size-1] != 7 {
					t.Fatalf("%d bytes came of %d", len(in), size)
				}
			}
			out := make(engine.Raw, 1001)
			var limit *engine.LimitError
			if err := e.s.Send(ctx, &out); !errors.As(err, &limit) || limit.Limit != 1000 {
				t.Errorf("one byte more: %v", err)
			}
			slot := must(e.s.Reserve(ctx, 1000))
			check(t, slot.Abort())
			out = out[:1]
			check(t, e.s.Send(ctx, &out))
			check(t, e.r.Receive(ctx, &out))
			if n, _ := counted(o.Engine, "x"); n != 3 {
				t.Errorf("%d are counted; 992 bytes, 1 byte and 1 byte have room", n)
			}
		})
	}
}

func TestStampsEndByThemselves(t *testing.T) {
	ctx := watchdog(t)
	o := with(t, engine.Config{})
	e := connectWith[engine.Raw](t, channel, o)
	slot := must(e.s.Reserve(ctx, 4)) // holds the sending side
	o.Engine.StampMessages(time.Hour)
	check(t, slot.Commit(4))
	stampFor(t, o.Engine, 50*time.Millisecond)
	for deadline := time.Now().Add(patience); !o.Engine.Stamps(false); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("they have not ended")
		}
	}
	a, b := pair(t, o)
	s, r := open[engine.Raw](t, channel, a, b, "later")
	var m engine.Raw
	check(t, s.Send(ctx, &m))
	check(t, r.Receive(ctx, &m))
	if n, _ := counted(o.Engine, "later"); n != 0 {
		t.Error("a new session stamps")
	}
}

func TestSessionsAndHandlersThatComeLaterAreStampedToo(t *testing.T) {
	ctx := watchdog(t)
	o := with(t, engine.Config{})
	o.Engine.StampMessages(time.Hour)
	a, b := pair(t, o)
	came := make(chan int, 10)
	check(t, engine.Handle(b, "handled", func(_ context.Context, m *engine.Raw) error { came <- len(*m); return nil }))
	s := must(engine.Open[engine.Raw](ctx, a, "handled"))
	m := engine.Raw("abc")
	for range 5 {
		check(t, s.Send(ctx, &m))
		if n := get(t, came); n != 3 {
			t.Fatalf("%d bytes", n)
		}
	}
	if n, _ := counted(o.Engine, "handled"); n != 5 {
		t.Errorf("%d are counted", n)
	}
}

func TestHistogramsOfLatenciesAreBounded(t *testing.T) {
	ctx := watchdog(t)
	o := with(t, engine.Config{})
	a, b := pair(t, o)
	stampFor(t, o.Engine, time.Hour)
	const names = engine.MaxLatencies + 10
	for i := range names {
		s, r := open[engine.Raw](t, channel, a, b, fmt.Sprint("c", i))
		var m engine.Raw
		check(t, s.Send(ctx, &m))
		check(t, r.Receive(ctx, &m))
		check(t, s.Close())
		wantErr(t, r.Receive(ctx, &m), io.EOF)
	}
	snapshot := o.Engine.Snapshot()
	if n := len(snapshot.Latencies); n != engine.MaxLatencies+1 {
		t.Errorf("%d histograms", n)
	}
	if n, _ := counted(o.Engine, engine.OtherChannels); n != names-engine.MaxLatencies {
		t.Errorf("%d are counted as others", n)
	}
}

// A stamp is eight bytes that a peer has made up.
func TestHostileStamps(t *testing.T) {
	stamp := func(ns uint64) string { return string(binary.LittleEndian.AppendUint64(nil, ns)) }
	for _, test := range []struct {
		name    string
		agreed  bool
		payload string
		bad     bool
		counts  uint64
	}{
		{"not agreed on", false, stamp(1) + orderPayload, true, 0},
		{"too short", true, "1234567", true, 0},
		{"of the future", true, stamp(1<<63-1) + orderPayload, false, 0},
		{"of no time", true, stamp(1<<64-1) + orderPayload, false, 1},
		{"of the beginning", true, stamp(1) + orderPayload, false, 1},
		{"zero", true, stamp(0) + orderPayload, false, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newVictim(t, engine.Config{}, nil)
			v.side.link.Stamps = test.agreed
			v.write(frame{typ: frameData, flags: 4, channel: inID, payload: test.payload})
			var o order
			err := v.in.Receive(v.done, &o)
			if test.bad {
				as[*engine.ProtocolError](t, err)
				return
			}
			check(t, err)
			if o.ID != 42 {
				t.Errorf("it came as %+v", o)
			}
			if n, discarded := counted(v.eng, "c1"); n != test.counts || discarded != 0 && test.name != "of the future" {
				t.Errorf("%d counted, %d discarded", n, discarded)
			}
		})
	}
}
