package compare

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/bench/peers/rivals"
	"github.com/corechan/corechan/bench/peers/worker"
)

// pair is the two processes of an entry at a case.
type pair struct {
	entry     *peer.Entry
	c         peer.Case
	near, far *process
	limit     bool
	each      float64 // nanoseconds for one piece of work
	allocs    allocs
}

// allocs sums up what was counted.
type allocs struct {
	near, nearWork float64
	far, farWork   float64
	known          bool
}

const (
	readyTimeout = 20 * time.Second
	sliceTimeout = 30 * time.Second
)

// open starts both processes of a pair and leaves them stopped. dir is for their sockets.
func open(e *peer.Entry, c peer.Case, cores [2]int, dir string) (_ *pair, err error) {
	if e.Missing != "" {
		return nil, peer.Cannot(e.Missing)
	}
	p := &pair{entry: e, c: c}
	program, args := "/proc/self/exe", []string{"worker", e.ID()}
	if e.Command != nil {
		if program, err = e.Command(); err != nil {
			return nil, peer.Cannot(err.Error())
		}
		args = e.Args
	}
	var files []*os.File
	if e.Network == "limit" {
		p.limit = true
		f, err := memory(rivals.LimitBytes(c))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		files = []*os.File{f}
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	addr := "127.0.0.1:0"
	if e.Network != "tcp" {
		addr = filepath.Join(dir, fmt.Sprintf("%x", time.Now().UnixNano()))
	}
	if p.far, err = start(cores[1], files, program, slices.Concat(args, worker.Args(worker.Far, c, addr))...); err != nil {
		return nil, err
	}
	if addr, err = p.far.ready(readyTimeout); err != nil {
		return nil, fmt.Errorf("the side that serves: %w", err)
	}
	if p.near, err = start(cores[0], files, program, slices.Concat(args, worker.Args(worker.Near, c, addr))...); err != nil {
		return nil, err
	}
	if _, err = p.near.ready(readyTimeout); err != nil {
		return nil, p.blame(err)
	}
	p.halt()
	return p, nil
}

// blame adds what the far process has said, if it has ended: it may know better.
func (p *pair) blame(err error) error {
	select {
	case <-p.far.exited:
		return fmt.Errorf("the side that serves: %w", p.far.why())
	case <-time.After(50 * time.Millisecond):
		return err
	}
}

// memory makes a memfd for a limit.
func memory(size int) (*os.File, error) {
	fd, err := unix.MemfdCreate("corechan-peers", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, errors.Join(fmt.Errorf("shared memory of %d bytes: %w", size, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "limit"), nil
}

func (p *pair) halt() {
	p.near.halt()
	p.far.halt()
}

func (p *pair) resume() {
	p.far.resume()
	p.near.resume()
}

func (p *pair) close() {
	for _, one := range []*process{p.near, p.far} {
		if one != nil {
			one.kill()
		}
	}
}

// Slice is what one slice brought.
type Slice struct {
	Figure float64 // p50 of round trips in nanoseconds, or how many by the second
	Each   float64 // nanoseconds for each, on average
	P99    float64
	CPU    float64 // nanoseconds of processor time for each, of both processes
}

// slice runs about that long.
func (p *pair) slice(length time.Duration) (Slice, error) {
	if p.each == 0 {
		if err := p.calibrate(); err != nil {
			return Slice{}, err
		}
	}
	count := max(int(float64(length)/p.each), p.least())
	return p.run(max(count/20, 1), count)
}

// least is how much work a slice has at least: some for each who waits.
func (p *pair) least() int {
	switch p.c.Kind {
	case peer.Calls:
		return p.c.Inflight
	case peer.Crowd:
		return p.c.Conns
	default:
		return 5
	}
}

// calibrate finds out how long a piece of work takes, in slices that grow until that is certain.
func (p *pair) calibrate() error {
	for count := p.least(); ; count *= 8 {
		s, err := p.run(1, count)
		if err != nil {
			return err
		}
		if p.each = s.Each; s.Each*float64(count) > float64(5*time.Millisecond) {
			p.allocs = allocs{}
			return nil
		}
	}
}

// run runs one slice.
func (p *pair) run(warm, count int) (Slice, error) {
	p.resume()
	defer p.halt()
	if p.limit {
		return p.runLimit(warm, count)
	}
	var before, after worker.Stats
	if err := p.far.ask(sliceTimeout, &before, "stats"); err != nil {
		return Slice{}, err
	}
	var r worker.Result
	if err := p.near.ask(sliceTimeout, &r, "run", warm, count, p.far.pid()); err != nil {
		return Slice{}, p.blame(err)
	}
	if err := p.far.ask(sliceTimeout, &after, "stats"); err != nil {
		return Slice{}, err
	}
	p.allocs.known = r.Allocs >= 0 && before.Allocs >= 0
	p.allocs.near += float64(r.Allocs)
	p.allocs.nearWork += float64(count)
	p.allocs.far += float64(after.Allocs - before.Allocs)
	p.allocs.farWork += float64(warm + count)
	return p.figures(&r), nil
}

// runLimit has both sides of a limit run a slice.
func (p *pair) runLimit(warm, count int) (Slice, error) {
	if p.c.Kind != peer.Trip {
		warm = 0
	}
	var near, far worker.Result
	for _, one := range []*process{p.far, p.near} {
		if err := one.send("run", warm, count, 0); err != nil {
			return Slice{}, err
		}
	}
	if err := p.near.answer(sliceTimeout, &near); err != nil {
		return Slice{}, p.blame(err)
	}
	if err := p.far.answer(sliceTimeout, &far); err != nil {
		return Slice{}, err
	}
	if p.c.Kind != peer.Trip {
		near.Elapsed = max(far.End-near.Begin, 1)
	}
	return p.figures(&near), nil
}

// figures makes the figures of a result.
func (p *pair) figures(r *worker.Result) Slice {
	n := float64(r.Count)
	s := Slice{Each: float64(r.Elapsed) / n, P99: r.P99, CPU: float64(r.CPU) / n}
	if s.Figure = r.P50; p.c.Kind != peer.Trip {
		s.Figure = 1e9 / s.Each
	}
	return s
}

// memory is what both processes have.
func (p *pair) memory() int64 {
	near, err := p.near.memory()
	far, err2 := p.far.memory()
	if err != nil || err2 != nil {
		return 0
	}
	return near + far
}

// perOp is how many allocations each piece of work took, of both processes; -1: not known.
func (a *allocs) perOp() float64 {
	if !a.known || a.nearWork == 0 {
		return -1
	}
	return a.near/a.nearWork + a.far/a.farWork
}
