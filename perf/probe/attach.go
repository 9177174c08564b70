package probe

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// attached is an object at work. It holds all that keeps it there: a link that nothing refers to is closed by the garbage
// collector, and counting ends without a word.
type attached struct {
	collection *ebpf.Collection
	links      []link.Link
	events     []string   // in the order in which they are attached
	markings   []*marking // after them
	cores      map[Group]*ebpf.Memory
	missing    []string
	untyped    bool
}

// Names of variables that a Config sets, and what the two forms of a program begin with.
const (
	varProcesses  = "followed_processes"
	varPinnedOnly = "pinned_only"
	varPorts      = "ports"
	typedPrefix   = "typed_"
	rawPrefix     = "raw_"
)

// attach loads an object and attaches it.
func (o *object) attach(k kernel, c *Config, possible int, shared map[string]*ebpf.Map) (*attached, error) {
	if o.marks {
		return o.attachMarks(k, c, possible)
	}
	return o.attachEvents(k, c, possible, shared)
}

// attachEvents is attach for an object with sets. If the kernel refuses the programs that it knows the types of, it tries the others.
func (o *object) attachEvents(k kernel, c *Config, possible int, shared map[string]*ebpf.Map) (*attached, error) {
	sets, missing, err := o.available(k)
	if err != nil {
		return nil, err
	}
	a, err := o.attachAs(k, c, possible, shared, sets, true)
	if err != nil {
		var errRaw error
		if a, errRaw = o.attachAs(k, c, possible, shared, sets, false); errRaw != nil {
			return nil, err // the first refusal is the one that matters
		}
	}
	a.missing = missing
	return a, nil
}

// available returns the sets of which the kernel has each event, and the first event of each other set that it lacks.
func (o *object) available(k kernel) (sets [][]string, missing []string, err error) {
	for _, set := range o.sets {
		whole := true
		for _, event := range set {
			err = k.hasEvent(event)
			if errors.Is(err, ErrNoEvent) {
				missing = append(missing, event)
				whole = false
				break
			}
			if err != nil {
				return nil, nil, err
			}
		}
		if whole {
			sets = append(sets, set)
		}
	}
	if len(sets) == 0 {
		return nil, nil, fmt.Errorf("%w %s", ErrNoEvent, missing[0])
	}
	return sets, missing, nil
}

func (o *object) attachAs(k kernel, c *Config, possible int, shared map[string]*ebpf.Map, sets [][]string, typed bool) (*attached, error) {
	a := &attached{events: slices.Concat(sets...), untyped: !typed}
	keep := make(map[string]bool)
	for _, event := range a.events {
		keep[programFor(event, typed)] = true
	}
	spec, err := o.spec(c, possible, func(program string) bool { return keep[program] })
	if err != nil {
		return nil, err
	}
	return a, a.start(k, o, spec, shared)
}

// start loads and attaches what is to be. On error nothing is left.
func (a *attached) start(k kernel, o *object, spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map) (err error) {
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	replace := make(map[string]*ebpf.Map)
	for _, name := range o.cores {
		if m := shared[name]; m != nil {
			replace[name] = m
		}
	}
	if a.collection, err = k.load(spec, replace); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	a.cores = make(map[Group]*ebpf.Memory)
	for g, name := range o.cores {
		if a.cores[g], err = a.collection.Maps[name].Memory(); err != nil {
			return fmt.Errorf("map the counters: %w", err)
		}
	}
	return a.link(k)
}

// link attaches the programs to their events. If one is refused, those before it stay attached.
func (a *attached) link(k kernel) error {
	for _, event := range a.events {
		l, err := k.attachTo(a.collection.Programs[programFor(event, !a.untyped)], event, !a.untyped)
		if err != nil {
			return fmt.Errorf("attach to %s: %w", event, err)
		}
		a.links = append(a.links, l)
	}
	return a.linkMarkings(k)
}

// spec returns what is to be loaded: some of the programs, told what to follow.
func (o *object) spec(c *Config, possible int, keep func(program string) bool) (*ebpf.CollectionSpec, error) {
	spec, err := o.load()
	if err != nil {
		return nil, err
	}
	for name := range spec.Programs {
		if !keep(name) {
			delete(spec.Programs, name)
		}
	}
	for _, name := range o.cores {
		spec.Maps[name].MaxEntries = uint32(possible)
	}
	var processes [MaxProcesses]uint32
	for i, pid := range c.PIDs {
		processes[i] = uint32(pid)
	}
	var ports [MaxPorts]uint16
	copy(ports[:], c.Ports)
	for name, value := range map[string]any{varProcesses: processes, varPinnedOnly: c.PinnedOnly, varPorts: ports} {
		if v := spec.Variables[name]; v != nil {
			if err := v.Set(value); err != nil {
				return nil, fmt.Errorf("set %s: %w", name, err)
			}
		}
	}
	return spec, nil
}

func programFor(event string, typed bool) string {
	if typed {
		return typedPrefix + event
	}
	return rawPrefix + event
}

// lost returns how many events came while the program for their kind ran on their core.
func (a *attached) lost() (n uint64) {
	for _, p := range a.collection.Programs {
		if s, err := p.Stats(); err == nil { // else the kernel is too old to count them, or no longer tells us
			n += s.RecursionMisses
		}
	}
	return n
}

// close detaches and frees everything.
func (a *attached) close() error {
	err := a.detach()
	for _, m := range a.markings {
		err = errors.Join(err, m.executable.Close())
	}
	if a.collection != nil {
		a.collection.Close()
	}
	return err
}
