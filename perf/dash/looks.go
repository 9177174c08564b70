package dash

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/watch"
)

// Bounds of a Look: of more, those are told whose queues are fullest, and then those on which most passed.
const (
	MaxEngines  = 32
	MaxSessions = 32
	MaxChannels = 96
)

// leastLook is how often engines are looked at, at most.
const leastLook = time.Second

// Look is what the engines of this machine's processes held when they were looked at, and what passed since the look before.
type Look struct {
	Span     time.Duration `json:"span_ns"` // since the look before
	Engines  []Engine      `json:"engines"`
	Sessions []Session     `json:"sessions"`
	Channels []Channel     `json:"channels"`
	Messages []Messages    `json:"messages,omitempty"`
	// More are those that were left out.
	MoreEngines  uint64 `json:"more_engines,omitempty"`
	MoreSessions uint64 `json:"more_sessions,omitempty"`
	MoreChannels uint64 `json:"more_channels,omitempty"`
	MoreMessages uint64 `json:"more_messages,omitempty"`
}

// Engine is one of a process.
type Engine struct {
	Name     string `json:"name"`
	PID      int    `json:"pid"`
	Command  string `json:"command"`
	Sessions int    `json:"sessions"`
	Channels int    `json:"channels"`
	Trouble  string `json:"trouble,omitempty"` // why it could not be read

	// Of its process, by Go's runtime: what came since the look before.
	Goroutines       uint64     `json:"goroutines,omitempty"`
	SchedulerLatency *Histogram `json:"scheduler_latency,omitempty"`
	GCPauses         *Histogram `json:"gc_pauses,omitempty"`
}

// Session is one of an engine. Its counters are what passed since the look before; package engine says what each means.
type Session struct {
	Engine    string `json:"engine"`
	ID        uint64 `json:"id"`
	Transport string `json:"transport"`
	Dialer    bool   `json:"dialer,omitempty"`
	Addr      string `json:"addr,omitempty"`
	PeerPID   int    `json:"peer_pid,omitempty"`
	engine.Counters
	engine.Queues
	Channels int `json:"channels"`
}

// Channel is one of a session. Messages and bytes are those since the look before.
type Channel struct {
	Engine      string           `json:"engine"`
	Session     uint64           `json:"session"`
	ID          uint32           `json:"id"`
	Name        string           `json:"name"`
	Direction   engine.Direction `json:"direction"`
	Lane        bool             `json:"lane,omitempty"`
	Queued      int              `json:"queued"`
	QueuedBytes int              `json:"queued_bytes"`
	Credit      int64            `json:"credit"` // bytes; -1: no bound but the ring
	Messages    uint64           `json:"messages"`
	Bytes       uint64           `json:"bytes"`
}

// A looker looks at engines beside the sampling, which it must not hold up: a process that is stopped takes a while to be given up.
type looker struct {
	look func(context.Context) ([]watch.Engine, error)
	pids []int // the only ones that are told of; none: all

	was  map[string]*engine.Snapshot // by engine
	when time.Time

	mu      sync.Mutex
	last    *Look // since it was taken; nil if there was none
	trouble error
}

// take returns the last look, if there was one since it was asked for.
func (l *looker) take() (*Look, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	look, err := l.last, l.trouble
	l.last, l.trouble = nil, nil
	return look, err
}

// run looks until the context ends.
func (l *looker) run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(max(every, leastLook))
	defer ticker.Stop()
	for {
		l.once(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (l *looker) once(ctx context.Context) {
	engines, err := l.look(ctx)
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	if len(l.pids) > 0 {
		engines = slices.DeleteFunc(engines, func(e watch.Engine) bool { return !slices.Contains(l.pids, e.PID) })
	}
	var look *Look
	if err == nil && l.was != nil { // the first one is what the second one's counts begin at
		look = l.reduce(engines)
		look.Span = now.Sub(l.when)
	}
	l.was, l.when = make(map[string]*engine.Snapshot, len(engines)), now
	for i := range engines {
		l.was[engines[i].Name] = engines[i].Snapshot
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.trouble = look, err
}

// reduce makes a Look of engines, by what they were before.
func (l *looker) reduce(engines []watch.Engine) *Look {
	look := &Look{Engines: []Engine{}, Sessions: []Session{}, Channels: []Channel{}}
	for i := range engines {
		e := &engines[i]
		if len(look.Engines) == MaxEngines {
			look.MoreEngines += uint64(len(engines) - i)
			break
		}
		one := Engine{Name: e.Name, PID: e.PID, Command: e.Command}
		if e.Err != nil {
			one.Trouble = e.Err.Error()
		}
		if s := e.Snapshot; s != nil {
			one.Sessions = len(s.Sessions) + int(s.MoreSessions)
			look.MoreSessions += s.MoreSessions
			look.MoreChannels += s.MoreChannels
			past := l.was[e.Name]
			if past == nil {
				past = &engine.Snapshot{}
			}
			one.Goroutines = safe(s.Runtime.Goroutines)
			one.SchedulerLatency = durations(s.Runtime.SchedulerLatency.Sub(past.Runtime.SchedulerLatency))
			one.GCPauses = durations(s.Runtime.GCPauses.Sub(past.Runtime.GCPauses))
			look.addMessages(e.Name, s.Latencies, past.Latencies)
			was := before(past)
			for at := range s.Sessions {
				one.Channels += len(s.Sessions[at].Channels)
				look.add(e.Name, &s.Sessions[at], was[s.Sessions[at].ID])
			}
		}
		look.Engines = append(look.Engines, one)
	}
	slices.SortStableFunc(look.Sessions, func(a, b Session) int {
		return cmp.Or(cmp.Compare(b.SendQueue+b.ReceiveQueue, a.SendQueue+a.ReceiveQueue),
			cmp.Compare(b.FramesSent+b.FramesReceived, a.FramesSent+a.FramesReceived))
	})
	slices.SortStableFunc(look.Channels, func(a, b Channel) int {
		return cmp.Or(cmp.Compare(b.QueuedBytes, a.QueuedBytes), cmp.Compare(b.Messages, a.Messages))
	})
	look.boundMessages()
	if n := len(look.Sessions); n > MaxSessions {
		look.Sessions, look.MoreSessions = look.Sessions[:MaxSessions], look.MoreSessions+uint64(n-MaxSessions)
	}
	if n := len(look.Channels); n > MaxChannels {
		look.Channels, look.MoreChannels = look.Channels[:MaxChannels], look.MoreChannels+uint64(n-MaxChannels)
	}
	return look
}

// before returns an engine's sessions by their numbers.
func before(s *engine.Snapshot) map[uint64]*engine.SessionSnapshot {
	all := make(map[uint64]*engine.SessionSnapshot, len(s.Sessions))
	for i := range s.Sessions {
		all[s.Sessions[i].ID] = &s.Sessions[i]
	}
	return all
}

// durations puts the runtime's buckets into those of a Histogram, as exactly as they are. Its sum is an estimate.
func durations(from engine.Durations) *Histogram {
	h := &Histogram{Buckets: []uint64{}}
	var sum float64
	for _, b := range from {
		high, n := min(max(b.High, 1), 1<<36), safe(b.Count)
		h.Count = safe(h.Count + n)
		h.Max = max(h.Max, high)
		sum += float64(high) * float64(n)
		h.add(bucketBelow(uint64(high)), n) // another process says it, and need not say it in order
	}
	h.Sum = time.Duration(min(sum, mostSafe))
	return h
}

// add adds a session and its channels. was is nil for one that is new.
func (l *Look) add(name string, s, was *engine.SessionSnapshot) {
	if was == nil {
		was = &engine.SessionSnapshot{}
	}
	one := Session{
		Engine: name, ID: safe(s.ID), Transport: s.Transport, Dialer: s.Dialer, Addr: s.Addr, PeerPID: s.PeerPID,
		Queues: engine.Queues{
			SendQueue: safe(s.SendQueue), SendRing: safe(s.SendRing), ReceiveQueue: safe(s.ReceiveQueue), ReceiveRing: safe(s.ReceiveRing),
		},
		Channels: len(s.Channels), Counters: passed(&s.Counters, &was.Counters),
	}
	l.Sessions = append(l.Sessions, one)
	type key struct {
		id        uint32
		direction engine.Direction
	}
	had := make(map[key]*engine.ChannelInfo, len(was.Channels))
	for i := range was.Channels {
		had[key{was.Channels[i].ID, was.Channels[i].Direction}] = &was.Channels[i]
	}
	for i := range s.Channels {
		c := &s.Channels[i]
		past := had[key{c.ID, c.Direction}]
		if past == nil || past.Messages > c.Messages { // another one, that has got its number
			past = &engine.ChannelInfo{}
		}
		l.Channels = append(l.Channels, Channel{
			Engine: name, Session: one.ID, ID: c.ID, Name: c.Name, Direction: c.Direction, Lane: c.Lane, Queued: max(c.Queued, 0),
			QueuedBytes: max(c.QueuedBytes, 0), Credit: min(max(c.Credit, -1), mostSafe), Messages: less(c.Messages, past.Messages), Bytes: less(c.Bytes, past.Bytes),
		})
	}
}

func passed(now, was *engine.Counters) engine.Counters {
	return engine.Counters{
		FramesSent: less(now.FramesSent, was.FramesSent), FramesReceived: less(now.FramesReceived, was.FramesReceived),
		BytesSent: less(now.BytesSent, was.BytesSent), BytesReceived: less(now.BytesReceived, was.BytesReceived),
		FullRing: less(now.FullRing, was.FullRing), FullRingTime: max(now.FullRingTime-was.FullRingTime, 0),
		NoCredit: less(now.NoCredit, was.NoCredit), NoCreditTime: max(now.NoCreditTime-was.NoCreditTime, 0),
		Sleeps: less(now.Sleeps, was.Sleeps), Rings: less(now.Rings, was.Rings),
	}
}

// mostSafe is the largest number that the page can have: what another process says need not be true.
const mostSafe = 1<<53 - 1

func safe(v uint64) uint64 { return min(v, mostSafe) }

func less(now, was uint64) uint64 { return safe(now - min(was, now)) }
