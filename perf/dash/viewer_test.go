package dash

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/watch"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/perf/probe"
)

func TestAViewerGetsWhatIsKeptAndThenWhatIsNew(t *testing.T) {
	d := startDash(t, Config{}, nil)
	d.sampleOnce()
	d.sampleOnce()
	s := must(dial(t, serve(t, d), "", nil))
	defer s.Close()
	from := accept(t, s)
	about := receive[About](t, from)
	if about.Kind != "about" || about.Version != Version || about.Run == "" || about.Follows != "every process" ||
		about.Interval != never || len(about.Status) != 1 || about.Status[0].Why != "needs a miracle" {
		t.Errorf("%+v", about)
	}
	for want := uint64(1); want <= 4; want++ {
		if want > 2 {
			d.sampleOnce()
		}
		if got := receive[Sample](t, from); got.Kind != "sample" || got.Seq != want || want > 2 && got.Viewers != 1 {
			t.Errorf("sample %d: %+v", want, got)
		}
	}
}

func TestAViewerThatComesBackIsSparedWhatItHas(t *testing.T) {
	d := startDash(t, Config{}, nil)
	for range 3 {
		d.sampleOnce()
	}
	srv := serve(t, d)
	for _, test := range []struct {
		query string
		want  uint64
	}{
		{"?run=" + d.about.Run + "&after=2", 3},
		{"?run=another&after=2", 1},
		{"?run=" + d.about.Run + "&after=18446744073709551615", 4},
		{"?run=" + d.about.Run + "&after=-1", 1},
		{"?run=" + d.about.Run + "&after=nonsense", 1},
	} {
		s := must(dial(t, srv, test.query, nil))
		from := accept(t, s)
		receive[About](t, from)
		if test.want > 3 {
			d.sampleOnce()
		}
		if got := receive[Sample](t, from); got.Seq != test.want {
			t.Errorf("%s: sample %d, want %d", test.query, got.Seq, test.want)
		}
		_ = s.Close()
	}
}

func TestAViewerThatDoesNotReadIsDroppedByNameAndOthersGoOn(t *testing.T) {
	var log logged
	d := startDash(t, Config{patience: 2 * time.Second, Logger: log.logger()}, padded(sampleSize/2))
	srv := serve(t, d)
	sleeper := must(dial(t, srv, "", nil)) // nobody receives on it
	defer sleeper.Close()
	reader := must(dial(t, srv, "", nil))
	defer reader.Close()
	from := accept(t, reader)
	receive[About](t, from)
	eventually(t, "both look", func() bool { n, _, _ := d.viewers.now(); return n == 2 })

	var last Sample
	for last.Drops == 0 {
		d.sampleOnce()
		last = receive[Sample](t, from)
	}
	if len(last.Dropped) != 1 || !strings.HasPrefix(last.Dropped[0], "127.0.0.1:") || last.Drops != 1 {
		t.Errorf("%d dropped: %q", last.Drops, last.Dropped)
	}
	eventually(t, "the log names it", func() bool {
		return strings.Contains(log.String(), "viewer dropped") && strings.Contains(log.String(), last.Dropped[0])
	})
	eventually(t, "the other one is left", func() bool { n, _, _ := d.viewers.now(); return n == 1 })
	d.sampleOnce()
	if got := receive[Sample](t, from); got.Seq != last.Seq+1 || got.Viewers != 1 {
		t.Errorf("sample %d after %d, %d viewers", got.Seq, last.Seq, got.Viewers)
	}
	if memory := d.history.bytes; memory > MaxKeptBytes {
		t.Errorf("%d bytes are kept", memory)
	}
}

func TestAViewerThatGoesIsForgotten(t *testing.T) {
	d := startDash(t, Config{}, nil)
	s := must(dial(t, serve(t, d), "", nil))
	from := accept(t, s)
	receive[About](t, from)
	_ = s.Close()
	eventually(t, "it is gone", func() bool { n, _, drops := d.viewers.now(); return n == 0 && drops == 0 })
}

func TestMoreViewersThanThereIsRoomForAreRefused(t *testing.T) {
	d := startDash(t, Config{}, nil)
	srv := serve(t, d)
	for range MaxViewers {
		defer must(dial(t, srv, "", nil)).Close()
	}
	if s, err := dial(t, srv, "", nil); err == nil {
		_ = s.Close()
		t.Error("one more than MaxViewers is admitted")
	}
}

func TestTheEndOfADashTellsItsViewers(t *testing.T) {
	d := startDash(t, Config{}, nil)
	s := must(dial(t, serve(t, d), "", nil))
	defer s.Close()
	from := accept(t, s)
	receive[About](t, from)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var b json.RawMessage
	var end *engine.ChannelError
	if err := from.Receive(ctx, &b); !errors.As(err, &end) || end.Code != engine.CodeDrained {
		t.Error(err)
	}
	if err := d.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error("a second Close:", err)
	}
}

func TestADashLeavesNothingBehind(t *testing.T) {
	fdtest.Snapshot(t)
	p := must(probe.Start(probe.Config{Groups: []probe.Group{probe.Steal}}))
	w := watch.New()
	d := must(New(Config{Probe: p, Watcher: w, Interval: MinInterval}))
	srv := serve(t, d)
	s := must(dial(t, srv, "", nil))
	from := accept(t, s)
	receive[About](t, from)
	receive[Sample](t, from)
	for _, end := range []func() error{d.Close, w.Close, p.Close} { // the session is still open
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	_ = s.Close()
	srv.Client().CloseIdleConnections()
}

func TestASampleThatCannotBeTakenSaysWhy(t *testing.T) {
	var log logged
	d := startDash(t, Config{Logger: log.logger()}, func() (func(grain) *Sample, error) { return nil, errTest })
	d.sampleOnce()
	s := must(dial(t, serve(t, d), "", nil))
	defer s.Close()
	from := accept(t, s)
	receive[About](t, from)
	if got := receive[Sample](t, from); len(got.Trouble) != 1 || got.Trouble[0] != errTest.Error() || got.Cores == nil {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(log.String(), errTest.Error()) {
		t.Error(log.String())
	}
}

func TestARealProbeIsSampled(t *testing.T) {
	p := must(probe.Start(probe.Config{Groups: []probe.Group{probe.Steal, probe.Runtime}}))
	defer p.Close()
	d := must(New(Config{Probe: p, Interval: MinInterval}))
	defer d.Close()
	s := must(dial(t, serve(t, d), "", nil))
	defer s.Close()
	from := accept(t, s)
	receive[About](t, from)
	first, second := receive[Sample](t, from), receive[Sample](t, from)
	if len(first.Cores) == 0 || first.Cores[0].Steal == nil || first.Cores[0].Waits != nil || first.SchedulerLatency == nil ||
		second.Seq != first.Seq+1 || second.At <= first.At || first.Span <= 0 {
		t.Errorf("%+v\n%+v", first, second)
	}
}
