package perf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"runtime/trace"
	"strings"
)

// Profile names files to which both processes of a run write what they did. Writing them is a disturbance: the figures of such a
// run are not for comparison, and its result is marked.
//
// The second process adds .peer to the names, and later runs their number: cpu.pprof, cpu.peer.pprof, cpu-2.pprof, cpu-2.peer.pprof.
type Profile struct {
	CPU   string // where the processor's time went: for go tool pprof. Empty: none
	Trace string // what the runtime did: for go tool trace. Empty: none
}

func (p Profile) wanted() bool { return p != Profile{} }

// run is the profile of a run, from 1.
func (p Profile) run(n int) Profile {
	if n == 1 {
		return p
	}
	return p.each(fmt.Sprintf("-%d", n))
}

// peer is the profile of the second process.
func (p Profile) peer() Profile { return p.each(".peer") }

// each puts something before the ends of the names.
func (p Profile) each(what string) Profile {
	name := func(path string) string {
		if path == "" {
			return ""
		}
		end := filepath.Ext(path)
		return strings.TrimSuffix(path, end) + what + end
	}
	return Profile{CPU: name(p.CPU), Trace: name(p.Trace)}
}

// start begins to write the files. The result completes them; it must be called once.
func (p Profile) start() (stop func() error, err error) {
	var stops []func() error
	stop = func() error {
		var errs []error
		for _, s := range stops {
			errs = append(errs, s())
		}
		return errors.Join(errs...)
	}
	for _, one := range []struct {
		path  string
		begin func(*os.File) error
		end   func()
	}{
		{p.CPU, func(f *os.File) error { return pprof.StartCPUProfile(f) }, pprof.StopCPUProfile},
		{p.Trace, func(f *os.File) error { return trace.Start(f) }, trace.Stop},
	} {
		if one.path == "" {
			continue
		}
		f, err := os.Create(one.path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("write a profile: %w", err), stop())
		}
		if err := one.begin(f); err != nil {
			return nil, errors.Join(fmt.Errorf("begin a profile: %w", err), f.Close(), stop())
		}
		stops = append(stops, func() error {
			one.end()
			if err := errors.Join(f.Sync(), f.Close()); err != nil {
				return fmt.Errorf("write a profile: %w", err)
			}
			return nil
		})
	}
	return stop, nil
}
