// Package fdtest finds descriptors that a test forgot to close. It looks at the whole process, so it sees those of
// every package, and of the runtime, whoever opened them.
package fdtest

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// How long Check waits for descriptors to go away, and how often it looks.
const (
	patience = 5 * time.Second
	interval = 2 * time.Millisecond
)

// Snap is the set of descriptors that were open at one moment.
type Snap struct {
	t        testing.TB
	patience time.Duration
	before   map[int]string
}

// Snapshot notes which descriptors are open, and calls [Snap.Check] at the end of the test, after the cleanups that
// the test registers later. It is for one line at the top of a test:
//
//	fdtest.Snapshot(t)
//
// The test must not run in parallel with others, whose descriptors it would take for its own.
func Snapshot(t testing.TB) *Snap {
	t.Helper()
	startPoller(t)
	s := &Snap{t: t, patience: patience, before: Open(t)}
	t.Cleanup(s.Check)
	return s
}

// Check fails the test, with a list, if descriptors are open that were not when the snapshot was taken. What closes
// asynchronously, in a goroutine or by a process that exits, has five seconds to do so.
func (s *Snap) Check() {
	s.t.Helper()
	deadline := time.Now().Add(s.patience)
	for {
		extra := s.extra()
		if len(extra) == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Errorf("fdtest: %d more open than at the start; each needs a Close:\n\t%s",
				len(extra), strings.Join(extra, "\n\t"))
			return
		}
		runtime.GC() // io.Copy between sockets keeps its pipes until then
		time.Sleep(interval)
	}
}

// extra lists what is open now and was not, or was another file, before.
func (s *Snap) extra() []string {
	now := Open(s.t)
	var list []string
	for _, n := range slices.Sorted(maps.Keys(now)) {
		if was, ok := s.before[n]; !ok || was != now[n] {
			list = append(list, fmt.Sprintf("%d -> %s", n, now[n]))
		}
	}
	return list
}

// Open returns the open descriptors of this process and what each refers to, such as "socket:[4711]" or
// "/memfd:name (deleted)". See /proc/pid/fd in proc(5).
func Open(t testing.TB) map[int]string {
	t.Helper()
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatalf("fdtest: list the open descriptors: %v", err)
	}
	open := make(map[int]string, len(entries))
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// Gone already is the descriptor that read the directory, for one.
		if target, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			open[n] = target
		}
	}
	return open
}

// startPoller makes the runtime open the descriptors of its poller, which stay open, so that they are in every
// snapshot.
func startPoller(t testing.TB) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatalf("fdtest: %v", err)
	}
	r.Close()
	w.Close()
}
