package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/probe/internal/disturb"
)

const shortGap = time.Millisecond

// told is what an actor says of itself when asked. Times are those that its pinned thread measured by its own clock.
type told struct {
	TID   int           // of its pinned thread
	Count uint64        // what it has done so far: faults, wakes
	Time  time.Duration // how long that took, or the gaps that it found
	Max   time.Duration
	Short time.Duration // of Time, what gaps shorter than shortGap make
	IDs   []uint32
	// Of a receiver: messages, and of those with a stamp, which Count has, how long they took.
	Received uint64
	P50, P99 time.Duration
}

// since returns what came after an earlier answer.
func (s told) since(before told) told {
	s.Count -= before.Count
	s.Time -= before.Time
	s.Short -= before.Short
	return s
}

// actor is another process that plays a role. It ends when its standard input does, so none outlives the test.
type actor struct {
	t   *testing.T
	cmd *exec.Cmd
	in  *os.File
	out *bufio.Reader
	tid int // of its pinned thread
}

// startActor starts a process in a role on a core, and returns when its pinned thread runs.
func startActor(t *testing.T, role string, core int) *actor {
	t.Helper()
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	a := &actor{t: t, cmd: exec.Command("/proc/self/exe"), in: inWrite, out: bufio.NewReader(outRead)}
	a.cmd.Env = append(os.Environ(), roleVariable+"="+role+" "+strconv.Itoa(core), "GOMAXPROCS=2", "GOGC=off")
	a.cmd.Stdin, a.cmd.Stdout, a.cmd.Stderr = inRead, outWrite, os.Stderr
	err = a.cmd.Start()
	inRead.Close()
	outWrite.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.end()
		outRead.Close()
	})
	a.tid = a.ask().TID
	return a
}

func (a *actor) pid() int { return a.cmd.Process.Pid }

// ask returns what the actor says of itself now.
func (a *actor) ask() told {
	a.t.Helper()
	if _, err := a.in.Write([]byte("\n")); err != nil {
		a.t.Fatal(err)
	}
	line, err := a.out.ReadBytes('\n')
	if err != nil {
		a.t.Fatal(err)
	}
	var s told
	if err := json.Unmarshal(line, &s); err != nil {
		a.t.Fatalf("%v: %s", err, line)
	}
	return s
}

// end ends the process and waits for it. Further calls do nothing.
func (a *actor) end() {
	if a.in == nil {
		return
	}
	a.in.Close()
	a.in = nil
	a.cmd.Wait()
}

// play is an actor's whole life.
func play(role string) {
	name, where, _ := strings.Cut(role, " ")
	core, _ := strconv.Atoi(where)
	switch role {
	case "user":
		user()
		os.Exit(0)
	case "marking user":
		markingUser()
		os.Exit(0)
	}
	var tell func() told
	ready := make(chan struct{})
	pinned := func(work func()) {
		var tid atomic.Int64
		inner := tell
		tell = func() told {
			s := inner()
			s.TID = int(tid.Load())
			return s
		}
		go func() {
			if err := disturb.Pin(core); err != nil {
				panic(err)
			}
			tid.Store(int64(unix.Gettid()))
			close(ready)
			work()
		}()
	}
	switch name {
	case "spinner":
		var shorts atomic.Int64
		gaps := NewGaps(time.Microsecond) // short interrupts too
		tell = func() told {
			h := gaps.Snapshot()
			return told{Count: h.Count(), Time: h.Sum(), Max: h.Max(), Short: time.Duration(shorts.Load())}
		}
		pinned(func() {
			for {
				if gap := gaps.Tick(); gap < shortGap && gap > 0 {
					shorts.Add(int64(gap))
				}
			}
		})
	case "competitor":
		tell = func() told {
			var ts unix.Timespec
			if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
				panic(err)
			}
			return told{Time: time.Duration(ts.Nano())}
		}
		pinned(func() { must(disturb.Compete(context.Background())) })
	case "timers":
		tell = func() told { return told{} }
		pinned(func() { must(disturb.Timers(context.Background(), core)) })
	case "faulter":
		var count, busy atomic.Int64
		tell = func() told { return told{Count: uint64(count.Load()), Time: time.Duration(busy.Load())} }
		pinned(func() { must(disturb.Fault(context.Background(), &count, &busy)) })
	case "flood":
		tell = func() told { return told{} }
		pinned(func() { must(disturb.Flood(context.Background())) })
	case "pingpong":
		var trips atomic.Uint64
		tell = func() told { return told{Count: trips.Load()} }
		pinned(func() { pingpong(&trips) })
	case "marker":
		var count atomic.Uint64
		tell = func() told {
			markMany(&count)
			return told{Count: count.Load()}
		}
		close(ready)
	case "receiver":
		tell = receiver()
		close(ready)
	case "prober":
		p, err := Start(Config{Groups: append(Default(), Syscalls, TCP)})
		if err != nil {
			panic(err)
		}
		ids := linkIDs(p)
		tell = func() told { return told{IDs: ids} }
		close(ready)
		defer runtime.KeepAlive(p)
	default:
		panic("no role " + role)
	}
	<-ready
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		b, err := json.Marshal(tell())
		if err != nil {
			panic(err)
		}
		fmt.Println(string(b))
	}
	os.Exit(0)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

const cannotDrop = ", and has cgo"

// user starts a Probe, and another one after it has given up its capabilities, and says what became of both.
func user() {
	p, err := Start(Config{})
	if err != nil {
		panic(err)
	}
	count := func(p *Probe) string {
		n := make(map[State]int)
		for _, s := range p.Status() {
			n[s.State]++
		}
		return fmt.Sprintf("active %d failed %d", n[Active], n[Failed])
	}
	said := count(p)
	if err := DropCapabilities(); errors.Is(err, errors.ErrUnsupported) { // the race detector comes with cgo
		fmt.Println(said + cannotDrop)
		return
	} else if err != nil {
		panic(err)
	}
	if _, err := p.Snapshot(); err != nil { // attached as before
		panic(err)
	}
	q, err := Start(Config{})
	if err != nil {
		panic(err)
	}
	fmt.Println(said + ", then " + count(q))
}

// pingpong wakes another thread of the same core, and waits to be woken by it, again and again.
func pingpong(trips *atomic.Uint64) {
	a, errA := unix.Eventfd(0, 0)
	b, errB := unix.Eventfd(0, 0)
	if errA != nil || errB != nil {
		panic(fmt.Sprint(errA, errB))
	}
	go func() {
		runtime.LockOSThread()
		word := make([]byte, 8)
		for {
			unix.Read(a, word)
			unix.Write(b, word)
		}
	}()
	word := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	for {
		unix.Write(a, word)
		unix.Read(b, word)
		trips.Add(1)
	}
}
