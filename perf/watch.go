package perf

import (
	"os"

	"github.com/corechan/corechan/perf/environment"
)

// watch begins to watch both hot threads, for as long as slices run that count. They are watched from outside, so that nothing of it is
// in their way. Goroutines that are not pinned are watched with all of their process.
func (s *session) watch() (all []*environment.Watch, err error) {
	core := func(side int) int {
		if !s.config.pinned() {
			return -1
		}
		return s.config.Cores[side]
	}
	pid, tid := s.far.hot()
	for _, t := range []environment.Thread{
		{Name: "first thread", PID: os.Getpid(), TID: s.near.thread, Core: core(0)},
		{Name: "second thread", PID: pid, TID: tid, Core: core(1)},
	} {
		w, err := environment.Begin(t)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// watched says what came in their way.
func watched(all []*environment.Watch) (found []environment.Disturbance, err error) {
	for _, w := range all {
		d, err := w.End()
		if err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, nil
}
