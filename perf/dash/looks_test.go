package dash

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/watch"
)

// one is an engine with one session with one channel.
func one(name string, pid int, messages, queue uint64) watch.Engine {
	return watch.Engine{Name: name, PID: pid, Command: name, Snapshot: &engine.Snapshot{Sessions: []engine.SessionSnapshot{{
		ID: 1, Transport: "shm", Counters: engine.Counters{FramesSent: messages, BytesSent: 100 * messages}, Queues: engine.Queues{SendQueue: queue, SendRing: 4096},
		Channels: []engine.ChannelInfo{{ID: 1, Name: "orders", Direction: engine.Sends, Messages: messages, Bytes: 100 * messages, Credit: -1}},
	}}}}
}

// looks has a looker see one list of engines after the other, and returns what it made of the last one.
func looks(t *testing.T, pids []int, all ...[]watch.Engine) *Look {
	t.Helper()
	l := &looker{pids: pids}
	for _, engines := range all {
		l.look = func(context.Context) ([]watch.Engine, error) { return engines, nil }
		l.once(t.Context())
	}
	look, err := l.take()
	if err != nil {
		t.Fatal(err)
	}
	return look
}

func TestALookSaysWhatPassedSinceTheLastOne(t *testing.T) {
	look := looks(t, nil, []watch.Engine{one("a", 7, 1000, 0)}, []watch.Engine{one("a", 7, 1500, 64), one("b", 8, 9, 128)})
	if look.Span <= 0 || len(look.Engines) != 2 || look.Engines[0].PID != 7 || look.Engines[0].Sessions != 1 || look.Engines[0].Channels != 1 || look.Engines[0].Command != "a" {
		t.Errorf("%+v", look)
	}
	if s := look.Sessions; len(s) != 2 || s[0].Engine != "b" || s[0].SendQueue != 128 || s[1].FramesSent != 500 || s[1].BytesSent != 50_000 || s[0].FramesSent != 9 {
		t.Errorf("%+v", s)
	}
	if c := look.Channels; len(c) != 2 || c[0].Engine != "a" || c[0].Messages != 500 || c[1].Messages != 9 || c[0].Credit != -1 || c[0].Name != "orders" {
		t.Errorf("%+v", c)
	}
}

func TestTheFirstLookHasNothingToTell(t *testing.T) {
	if look := looks(t, nil, []watch.Engine{one("a", 7, 1000, 0)}); look != nil {
		t.Errorf("%+v", look)
	}
}

func TestOnlyFollowedProcessesAreLookedAt(t *testing.T) {
	look := looks(t, []int{8}, nil, []watch.Engine{one("a", 7, 1, 0), one("b", 8, 1, 0)})
	if len(look.Engines) != 1 || look.Engines[0].PID != 8 || len(look.Sessions) != 1 {
		t.Errorf("%+v", look)
	}
}

func TestAnEngineThatIsSilentIsNamed(t *testing.T) {
	look := looks(t, nil, nil, []watch.Engine{{Name: "a", PID: 7, Err: watch.ErrSilent}})
	if len(look.Engines) != 1 || look.Engines[0].Trouble != watch.ErrSilent.Error() {
		t.Errorf("%+v", look)
	}
}

func TestALookIsBoundedAndKeepsTheFullest(t *testing.T) {
	var engines []watch.Engine
	for i := range 2 * MaxEngines {
		engines = append(engines, one(fmt.Sprint(i), i+1, uint64(i), uint64(i%7)))
		s := engines[i].Snapshot
		s.MoreSessions = 1
		for range 4 * MaxSessions {
			s.Sessions = append(s.Sessions, s.Sessions[0])
		}
	}
	look := looks(t, nil, nil, engines)
	if len(look.Engines) != MaxEngines || len(look.Sessions) != MaxSessions || len(look.Channels) != MaxChannels || look.Sessions[0].SendQueue != 6 {
		t.Errorf("%d engines, %d sessions, %d channels; the first has %d", len(look.Engines), len(look.Sessions), len(look.Channels), look.Sessions[0].SendQueue)
	}
	total := MaxEngines * (4*MaxSessions + 1)
	if look.MoreEngines != MaxEngines || look.MoreSessions != uint64(total-MaxSessions+MaxEngines) || look.MoreChannels != uint64(total-MaxChannels) {
		t.Errorf("%d, %d and %d more", look.MoreEngines, look.MoreSessions, look.MoreChannels)
	}
	if b := must(json.Marshal(look)); len(b) > sampleSize/4 {
		t.Errorf("it takes %d bytes", len(b))
	}
}

func TestALookHasWhatTheRuntimesOfProcessesSay(t *testing.T) {
	a, b := one("a", 7, 1, 0), one("a", 7, 2, 0)
	a.Snapshot.Runtime = engine.RuntimeSnapshot{Goroutines: 3, GCPauses: engine.Durations{{High: time.Millisecond, Count: 5}}}
	b.Snapshot.Runtime = engine.RuntimeSnapshot{Goroutines: 4, GCPauses: engine.Durations{{High: time.Millisecond, Count: 7}, {High: time.Second, Count: 1}}}
	e := looks(t, nil, []watch.Engine{a}, []watch.Engine{b}).Engines[0]
	if e.Goroutines != 4 || e.GCPauses.Count != 3 || e.GCPauses.Max != time.Second || len(e.GCPauses.Buckets) != 4 || e.SchedulerLatency.Count != 0 {
		t.Errorf("%+v %+v", e, e.GCPauses)
	}
}

// TestWhatAProcessSaysNeedNotBeTrue: the page takes no numbers beyond 2^53.
func TestWhatAProcessSaysNeedNotBeTrue(t *testing.T) {
	mad := one("a", 7, math.MaxUint64, math.MaxUint64)
	c := &mad.Snapshot.Sessions[0].Channels[0]
	c.Queued, c.Credit = -5, math.MaxInt64
	back := one("a", 7, 1, 0)
	back.Snapshot.Sessions[0].FullRingTime = -time.Hour
	mad.Snapshot.Runtime.Goroutines = math.MaxUint64
	mad.Snapshot.Runtime.GCPauses = engine.Durations{{High: math.MaxInt64, Count: math.MaxUint64}, {High: -5, Count: math.MaxUint64}, {High: 7, Count: 1}}
	for _, order := range [][][]watch.Engine{{nil, {mad}}, {{mad}, {back}}, {{back}, {mad}}} {
		look := looks(t, nil, order...)
		if e := look.Engines[0]; e.Goroutines > 1<<53 || e.GCPauses.Sum < 0 || e.GCPauses.Sum > 1<<53 || e.GCPauses.Count > 1<<53 || len(e.GCPauses.Buckets) > 2 {
			t.Errorf("%+v", e.GCPauses)
		}
		s, c := look.Sessions[0], look.Channels[0]
		for _, v := range []uint64{s.ID, s.SendQueue, s.SendRing, s.FramesSent, s.BytesSent, c.Messages, c.Bytes, uint64(c.Credit + 1), uint64(c.Queued)} {
			if v > 1<<53 {
				t.Errorf("%d: %+v %+v", v, s, c)
			}
		}
		if s.FullRingTime < 0 {
			t.Error(s.FullRingTime)
		}
	}
}
