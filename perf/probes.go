package perf

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/corechan/corechan/perf/probe"
)

// ErrProbes says that Config.Probes was asked for, and nothing could be attached. What is returned wraps it, and says what is missing.
var ErrProbes = errors.New("no probe can be attached")

// ProbesReport says what attached probes cost the system: slices with the default groups of package probe attached, following the
// processes of the run, are held against the slices without that are their neighbours.
type ProbesReport struct {
	CostReport

	SwitchNs float64         `json:"switch_ns"` // to attach or detach: median; part of no slice
	Groups   []probe.Group   `json:"groups"`    // that were attached
	Refused  []RefusedProbes `json:"refused"`   // groups that were not
}

// RefusedProbes is a group that could not be attached.
type RefusedProbes struct {
	Group probe.Group `json:"group"`
	Why   string      `json:"why"`
}

// probes are attached for some slices of a run and not for others. They are used by one goroutine.
type probes struct {
	*probe.Probe
	groups   []probe.Group
	refused  []RefusedProbes
	switches []float64 // ns
}

// startProbes loads probes that follow a session's processes, and leaves them detached. The caller closes them.
func startProbes(s *session) (_ *probes, err error) {
	pids := []int{os.Getpid()}
	if far, _ := s.far.hot(); far != pids[0] {
		pids = append(pids, far)
	}
	p := &probes{refused: []RefusedProbes{}}
	if p.Probe, err = probe.Start(probe.Config{PIDs: pids}); err != nil {
		return nil, err
	}
	for _, status := range p.Status() {
		switch status.State {
		case probe.Active:
			p.groups = append(p.groups, status.Group)
		case probe.Failed:
			p.refused = append(p.refused, RefusedProbes{status.Group, status.Why})
		}
	}
	if len(p.refused) > 0 && !slices.ContainsFunc(p.groups, probe.Group.InKernel) {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrProbes, p.refused[0].Why), p.Close())
	}
	if err := p.Pause(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// around has a slice run with the probes attached.
func (p *probes) around(slice func() error) error {
	if err := p.timed(p.Resume); err != nil {
		return err
	}
	return errors.Join(slice(), p.timed(p.Pause))
}

// beforeOther attaches and detaches them, so that a slice without has the same work of the kernel's behind it as one with.
func (p *probes) beforeOther() error {
	return p.around(func() error { return nil })
}

func (p *probes) timed(do func() error) error {
	begin := time.Now()
	err := do()
	p.switches = append(p.switches, float64(time.Since(begin)))
	return err
}

// probedSlice makes a slice of the system with probes attached.
func (s *session) probedSlice(r *result, n int) error {
	return s.probes.around(func() error {
		m, err := s.slice(theSystem, n)
		if err == nil {
			r.probed = append(r.probed, m.figure)
		}
		return err
	})
}

// reportProbes returns nil if the configuration asks for none.
func (r *result) reportProbes() *ProbesReport {
	if r.probes == nil {
		return nil
	}
	return &ProbesReport{
		CostReport: r.costOf(r.probed),
		SwitchNs:   round(median(r.probes.switches), 0), Groups: r.probes.groups, Refused: r.probes.refused,
	}
}

func (p *ProbesReport) figures() []*float64 { return append(p.CostReport.figures(), &p.SwitchNs) }
