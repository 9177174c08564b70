package perf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/corechan/corechan/perf/rig"
)

// farSide is the other half of a run as the first process sees it. Its methods are called by one goroutine; stop by any.
type farSide interface {
	open(ctx context.Context) error // returns when both halves are open
	begin(o order) error            // returns when the far thread is about to run the slice
	end() (outcome, error)          // waits for the slice begun
	stop()
	lost() <-chan struct{} // is closed when the far side is gone
	hot() (pid, tid int)   // its hot thread, once it is open
	close() error
}

const (
	startTimeout = 20 * time.Second
	endTimeout   = rig.EndTimeout
)

// process is a far side in a process of its own.
type process struct {
	*rig.Process
	plan   plan         // but for the addresses
	all    []contestant // which have them
	thread int
	failed bool // it has told of an error, or said something else than expected
}

// startProcess starts the second process of a run, which inherits what is shared.
func startProcess(cmd *exec.Cmd, k kind, e *env, all []contestant, s *shared) (*process, error) {
	files := append([]*os.File{s.memory, s.bells[0], s.bells[1]}, s.far...) // fdMemory, fdFarBell, fdNearBell, fdSocket
	far, err := rig.Spawn(cmd, files)
	if err != nil {
		return nil, err
	}
	s.given()
	return &process{Process: far, all: all, plan: plan{Kind: k, Config: e.config, Address: e.address, Certificate: e.certificate}}, nil
}

func (p *process) open(ctx context.Context) error {
	for _, c := range p.all {
		p.plan.Addresses = append(p.plan.Addresses, c.env.address)
	}
	if err := p.Tell(p.plan); err != nil {
		return err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(startTimeout)
	}
	o, err := p.hear(deadline)
	p.thread = o.Thread
	return err
}

func (p *process) hot() (pid, tid int) { return p.Cmd.Process.Pid, p.thread }

func (p *process) begin(o order) error {
	if err := p.Tell(command{Verb: run, Order: o}); err != nil {
		return err
	}
	_, err := p.hear(time.Now().Add(startTimeout))
	return err
}

func (p *process) end() (outcome, error) { return p.hear(time.Now().Add(sliceTimeout)) }

func (p *process) stop() { _ = p.Tell(command{Verb: stop}) }

func (p *process) lost() <-chan struct{} { return p.Gone() }

// close asks the process to end, and ends it if it does not. It is gone when close returns.
func (p *process) close() error {
	var err error
	if !p.failed {
		if err = p.Tell(command{Verb: end}); err == nil {
			_, err = p.hear(time.Now().Add(endTimeout))
		}
	}
	return errors.Join(err, p.Close())
}

func (p *process) hear(deadline time.Time) (outcome, error) {
	var r reply
	if err := p.Hear(&r, deadline); err != nil {
		p.failed = true
		return outcome{}, err
	}
	if r.Err != "" {
		p.failed = true
		return outcome{}, fmt.Errorf("%s: %s", p.Name, r.Err)
	}
	return r.Outcome, nil
}

// thread is a far side in this process.
type thread struct {
	crew  *crew
	all   []contestant
	stuck bool
}

func (t *thread) open(ctx context.Context) error { return t.crew.open(ctx, t.all) }

func (t *thread) begin(o order) error {
	t.crew.begin(o, nil)
	return nil
}

func (t *thread) end() (outcome, error) {
	select {
	case o := <-t.crew.done:
		return o, o.Err
	case <-time.After(sliceTimeout):
		t.stuck = true
		return outcome{}, errors.New("the far thread does not come back")
	}
}

func (t *thread) hot() (pid, tid int) { return os.Getpid(), t.crew.thread }

func (t *thread) stop() { t.crew.stop() }

func (t *thread) lost() <-chan struct{} { return nil }

func (t *thread) close() error {
	if t.stuck {
		return nil // what it may still use is left alone
	}
	return t.crew.dismiss()
}
