package probe

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
)

// Probe is what Start has set to work. Its methods may be used concurrently.
type Probe struct {
	config   Config
	kernel   kernel
	began    time.Time
	cores    []int // online at Start
	attached []*attached
	groups   map[Group]*attached
	errs     map[Group]error

	mu        sync.Mutex
	closed    bool
	paused    bool
	processes []*process
	reader    reader
}

// Start loads and attaches the groups that are asked for, which takes some tenths of a second, and returns at once what counts from
// then on. What the kernel or the lack of a privilege refuses is no error of Start: see [Probe.Status]. Its errors are those of the
// configuration, and wrap ErrConfig.
//
// The caller owns the Probe and calls Close. If it dies instead, however it does, the kernel detaches everything.
func Start(c Config) (*Probe, error) { return start(c, newLinux()) }

func start(c Config, k kernel) (_ *Probe, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	p := &Probe{
		config: c, kernel: k, groups: make(map[Group]*attached), errs: make(map[Group]error),
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	for _, pid := range c.PIDs {
		process, err := openProcess(pid)
		if err != nil {
			return nil, err
		}
		p.processes = append(p.processes, process)
	}
	online, err := readProcStat()
	if err != nil {
		return nil, fmt.Errorf("read which cores there are: %w", err)
	}
	for _, core := range online {
		p.cores = append(p.cores, core.id)
	}
	p.attach(k)
	p.began = time.Now()
	return p, nil
}

// attach attaches each group, or notes why it cannot.
func (p *Probe) attach(k kernel) {
	possible, err := ebpf.PossibleCPU()
	if err == nil {
		err = k.permitted()
	}
	if err == nil && len(p.config.PIDs) > 0 {
		err = checkNamespace()
	}
	if err != nil {
		for _, o := range kernelObjects(&p.config) {
			p.refused(&o, err)
		}
		return
	}
	shared := make(map[string]*ebpf.Map)
	for todo := kernelObjects(&p.config); len(todo) > 0; todo = todo[1:] {
		o := &todo[0]
		a, err := o.attach(k, &p.config, possible, shared)
		switch {
		case err != nil && len(o.apart) > 0:
			todo = append(todo, o.apart...)
			continue
		case err != nil:
			p.refused(o, err)
			continue
		}
		p.attached = append(p.attached, a)
		for g, name := range o.cores {
			p.groups[g] = a
			shared[name] = a.collection.Maps[name]
		}
	}
}

func (p *Probe) refused(o *object, err error) {
	for g := range o.cores {
		p.errs[g] = err
	}
}

// Status says what became of each group.
func (p *Probe) Status() []Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Status, 0, len(Groups()))
	for _, g := range Groups() {
		s := Status{Group: g, State: Off}
		switch a, err := p.groups[g], p.errs[g]; {
		case err != nil:
			s.State, s.Err, s.Why = Failed, err, explain(err)
		case p.closed || !p.config.wants(g):
		case a == nil: // needs no kernel
			s.State = Active
		default:
			s.State = Active
			if p.paused {
				s.State = Paused
			}
			s.Missing, s.Untyped, s.Lost = a.missing, a.untyped, a.lost()
		}
		all = append(all, s)
	}
	return all
}

// Snapshot copies what was counted since Start. It makes no system call for what the kernel counts. After Close it returns os.ErrClosed.
func (p *Probe) Snapshot() (*Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, os.ErrClosed
	}
	now := time.Now()
	s := &Snapshot{Time: now, Span: now.Sub(p.began)}
	online, err := readProcStat()
	if err != nil {
		return nil, err
	}
	for _, id := range p.report(online) {
		core := Core{ID: id}
		for _, g := range Groups() {
			if a := p.groups[g]; a != nil {
				if err := p.reader.read(g, a.cores[g], &core); err != nil {
					return nil, fmt.Errorf("read %s of core %d: %w", g, id, err)
				}
			}
		}
		if core.Stolen != nil {
			core.Stolen.estimate(p.config.InterruptCost)
		}
		if p.config.wants(Steal) {
			if at := slices.IndexFunc(online, func(c coreSteal) bool { return c.id == id }); at >= 0 {
				core.Steal = &StealStats{online[at].steal}
			}
		}
		s.Cores = append(s.Cores, core)
	}
	if p.config.wants(Runtime) {
		s.Runtime = readRuntime()
	}
	for _, process := range p.processes {
		if process.hasEnded() {
			s.Ended = append(s.Ended, process.pid)
		}
	}
	return s, nil
}

// report returns the cores to report on: those that are asked for, of those that are online, or were at Start.
func (p *Probe) report(online []coreSteal) []int {
	for _, core := range online {
		if !slices.Contains(p.cores, core.id) {
			p.cores = append(p.cores, core.id)
			slices.Sort(p.cores)
		}
	}
	if len(p.config.Cores) == 0 {
		return p.cores
	}
	var chosen []int
	for _, core := range p.cores {
		if slices.Contains(p.config.Cores, core) {
			chosen = append(chosen, core)
		}
	}
	return chosen
}

// Close detaches and frees everything; when it returns, nothing of it is left in the kernel. Snapshots stay good. A second call returns
// os.ErrClosed.
func (p *Probe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return os.ErrClosed
	}
	p.closed = true
	errs := []error{p.each((*attached).close)}
	p.attached = nil
	clear(p.groups)
	for _, process := range p.processes {
		errs = append(errs, process.close())
	}
	p.processes = nil
	return errors.Join(errs...)
}
