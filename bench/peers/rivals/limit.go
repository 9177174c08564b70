package rivals

import (
	"context"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/bench/peers/worker"
	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/measure"
)

// The machine's own limits: what all are divided by. Both processes inherit one memfd, as descriptor LimitMemory.

// LimitMemory is the descriptor of the shared memory in both processes of a limit.
const LimitMemory = 3

// Limits returns the limits: of round trips, and of all that is counted by the second.
func Limits() []peer.Entry {
	return []peer.Entry{
		{
			Name: "cache line", Network: "limit", Procs: two, Settings: "a sequence word and a payload on lines of their own, polled",
			New: func(c peer.Case) (peer.Peer, error) { return newLimit(c, false) },
		},
		{
			Name: "ring", Network: "limit", Procs: two, Settings: "a single-producer single-consumer ring of 256 KiB (8 MiB for large messages), polled",
			New: func(c peer.Case) (peer.Peer, error) { return newLimit(c, true) },
		},
	}
}

func two(peer.Case) int { return 2 }

// LimitOf names the limit of a case.
func LimitOf(c peer.Case) string {
	if c.Kind == peer.Trip {
		return "cache-line/limit"
	}
	return "ring/limit"
}

// LimitBytes is how much memory the limit of a case needs.
func LimitBytes(c peer.Case) int {
	return max(limit.PingBytes(c.Size), limit.StreamBytes(limitRing(c)))
}

func limitRing(c peer.Case) int {
	if c.Size > 32<<10 {
		return 8 << 20
	}
	return 256 << 10
}

type limitPeer struct {
	c      peer.Case
	stream bool
	mem    []byte
	half   measure.Half
	index  int
}

func newLimit(c peer.Case, stream bool) (peer.Peer, error) {
	mem, err := unix.Mmap(LimitMemory, 0, LimitBytes(c), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map the memory of a limit: %w", err)
	}
	return &limitPeer{c: c, stream: stream, mem: mem}, nil
}

func (p *limitPeer) open(side measure.Side) error {
	clock, err := measure.NewClock()
	if err != nil {
		return err
	}
	lock(true)
	if p.stream {
		p.half, err = limit.NewStream(p.mem, p.c.Size, limitRing(p.c), side, clock)
	} else {
		p.half, err = limit.NewPingpong(p.mem, p.c.Size, side, clock)
	}
	return err
}

func (p *limitPeer) Serve(context.Context, string) (string, error) { return "-", p.open(measure.Far) }

func (p *limitPeer) Dial(context.Context, string) (peer.Conn, error) {
	return nil, p.open(measure.Near)
}

func (p *limitPeer) Close() error { return nil }

// Slice runs "run WARM COUNT PID" on either side.
func (p *limitPeer) Slice(words []string) (any, error) {
	if len(words) != 4 {
		return worker.Stats{Allocs: -1}, nil
	}
	warm, err := strconv.Atoi(words[1])
	if err != nil {
		return nil, err
	}
	count, err := strconv.Atoi(words[2])
	if err != nil {
		return nil, err
	}
	s := measure.Slice{Index: p.index, Warm: warm, Count: count}
	p.index++
	if !p.stream {
		s.Samples = make([]int64, count)
	}
	if err := p.half.Run(&s); err != nil {
		return nil, err
	}
	r := worker.Result{Count: count, Allocs: -1}
	r.Elapsed = max(s.End-s.Begin, 1)
	r.Begin, r.End = s.Begin, s.End
	r.Percentiles(s.Samples)
	return &r, nil
}
