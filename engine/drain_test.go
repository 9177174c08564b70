package engine_test

import (
	"context"
	"io"
	"slices"
	"testing"

	"github.com/corechan/corechan/engine"
)

func TestDrainLetsOldChannelsFinishAndRefusesNewOnes(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[order](t, a, b, "old")
	drained := result(func() error { return b.Drain(ctx) })
	for !b.Draining() {
		check(t, s.Send(ctx, &order{ID: 1}))
		check(t, r.Receive(ctx, new(order)))
	}
	_, err := engine.Open[order](ctx, b, "mine")
	wantErr(t, err, engine.ErrDraining)
	late := must(engine.Open[order](ctx, a, "late"))
	for err = nil; err == nil; {
		err = late.Send(ctx, new(order))
	}
	wantErr(t, err, engine.ErrDraining)
	check(t, s.Send(ctx, &order{ID: 2}))
	check(t, s.Close())
	var o order
	check(t, r.Receive(ctx, &o))
	wantErr(t, r.Receive(ctx, &o), io.EOF)
	check(t, get(t, drained))
	get(t, a.Done())
	for a.Err() == nil {
		_, _ = engine.Accept[order](impatient(ctx), a, "never")
	}
	wantErr(t, a.Err(), engine.ErrSessionClosed)
}

func TestADrainThatIsCutShortClosesAtOnce(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, _ := channelOf[order](t, a, b, "old")
	soon, cancel := watch(t)
	drained := result(func() error { return a.Drain(soon) })
	get(t, soon.waiting)
	cancel()
	wantErr(t, get(t, drained), context.Canceled)
	if err := s.Send(ctx, new(order)); err == nil {
		t.Error("the channel goes on")
	}
}

func TestASessionListsItsChannels(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[order](t, a, b, "prices")
	back, _ := channelOf[engine.Raw](t, b, a, "back")
	for range 3 {
		check(t, s.Send(ctx, new(order)))
	}
	check(t, r.Receive(ctx, new(order)))
	_, err := engine.Accept[order](impatient(ctx), b, "nothing") // reads what is there
	wantErr(t, err, context.Canceled)
	sent, got := slices.Collect(a.Channels()), slices.Collect(b.Channels())
	if len(sent) != 2 || len(got) != 2 {
		t.Fatal(sent, got)
	}
	if c := sent[0]; c.ID != 1 || c.Name != "prices" || c.Direction != engine.Sends || c.Codec != "msgpack" || c.Messages != 3 ||
		c.Credit != int64(a.Stats().Channels-2)+256<<10-int64(c.Bytes) || c.Age <= 0 {
		t.Errorf("%+v", c)
	}
	if c := got[0]; c.ID != 1 || c.Direction != engine.Receives || c.Messages != 3 || c.Queued != 2 || c.QueuedBytes == 0 {
		t.Errorf("%+v", c)
	}
	if st := b.Stats(); st.Channels != 2 || st.Opened != 1 || st.PeerOpened != 1 {
		t.Errorf("%+v", st)
	}
	check(t, back.Close())
}
