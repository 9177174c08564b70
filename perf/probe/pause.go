package probe

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

// Pause detaches everything and keeps what was counted. Until Resume nothing runs in the kernel: an event costs what it would without a
// Probe. It is a matter of milliseconds, as the programs stay loaded. What is under way then, a wait or an interrupt, is not counted.
// A Probe that is paused stays so.
func (p *Probe) Pause() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return os.ErrClosed
	}
	p.paused = true
	return p.each((*attached).detach)
}

func (p *Probe) each(do func(*attached) error) error {
	var errs []error
	for _, a := range p.attached {
		errs = append(errs, do(a))
	}
	return errors.Join(errs...)
}

// Resume attaches again what Pause has detached. If the kernel refuses, the Probe stays paused.
func (p *Probe) Resume() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return os.ErrClosed
	}
	if !p.paused {
		return nil
	}
	err := p.each((*attached).forget) // of all first, as groups share maps
	if err == nil {
		err = p.each(func(a *attached) error { return a.link(p.kernel) })
	}
	if err != nil {
		return errors.Join(fmt.Errorf("resume: %w", err), p.each((*attached).detach))
	}
	p.paused = false
	return nil
}

// detach takes the programs off their events: first those that count beginnings.
func (a *attached) detach() error {
	var errs []error
	for _, l := range slices.Backward(a.links) {
		errs = append(errs, l.Close())
	}
	a.links = nil
	return errors.Join(errs...)
}

// begun says how many bytes at the start of a map's values are of what has begun and not ended.
var begun = map[string]int{
	"waits": 16, "absences": 8, "entered": 16, "marks": 16, // all of it
	"preempt_cores": 16, // absent, last
	stolenCores:     12, // last, depth
}

// forget clears what had begun and not ended when the programs were detached: nobody has seen what became of it since.
func (a *attached) forget() error {
	for name, m := range a.collection.Maps {
		size := begun[name]
		if size == 0 {
			continue
		}
		memory, err := m.Memory()
		if err != nil {
			return fmt.Errorf("map what has begun: %w", err)
		}
		none := make([]byte, size)
		for i := range int64(m.MaxEntries()) {
			if _, err := memory.WriteAt(none, i*int64(m.ValueSize())); err != nil {
				return fmt.Errorf("clear what has begun: %w", err)
			}
		}
	}
	return nil
}
