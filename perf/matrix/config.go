package matrix

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/load"
	"github.com/corechan/corechan/perf/rig"
)

// Bounds of a Config, and its defaults.
const (
	DefaultRepeats = 5
	DefaultTime    = 500 * time.Millisecond
	MaxCells       = 2000
	MaxRepeats     = 100
	MinTime        = 10 * time.Millisecond
	MaxTime        = time.Hour
)

// Config says what to measure. The zero value of each field stands for the default.
type Config struct {
	Transports []rig.Transport // default Shm
	Sizes      []int           // bytes of a message; default 64
	Waits      []perf.Wait     // default Spin
	Sessions   []int           // default 1
	Cores      []int           // of the sending and the receiving thread; default: two that are not siblings
	Ring       int             // as in perf.Config
	Repeats    int             // of all; default 5
	Time       time.Duration   // of one cell, once; its limit and warm-up take about as long again. Default 500 ms
	Seed       uint64          // of the order; default 1
}

// Cell is one combination.
type Cell struct {
	Transport rig.Transport `json:"transport"`
	Size      int           `json:"size"`
	Wait      perf.Wait     `json:"wait"`
	Sessions  int           `json:"sessions"`
}

// Skipped is a combination that does not exist, and why.
type Skipped struct {
	Cell
	Why string `json:"why"`
}

func (c Cell) String() string {
	s := "1 session"
	if c.Sessions != 1 {
		s = fmt.Sprintf("%d sessions", c.Sessions)
	}
	return fmt.Sprintf("%s, %d bytes, %s, %s", c.Transport, c.Size, c.Wait, s)
}

// cells makes all combinations. Those are skipped that some transport cannot do and another can; what none can is an error.
func (c Config) cells() (all []Cell, skipped []Skipped, err error) {
	for _, transport := range c.Transports {
		for _, size := range c.Sizes {
			for _, wait := range c.Waits {
				for _, sessions := range c.Sessions {
					cell := Cell{transport, size, wait, sessions}
					if transport.Roams() && (wait == perf.Spin || wait == perf.Hybrid) {
						skipped = append(skipped, Skipped{cell, "what waits in Go's own poller cannot poll: only --wait block"})
						continue
					}
					if err := c.check(cell); err != nil {
						return nil, nil, fmt.Errorf("%v: %w", cell, err)
					}
					all = append(all, cell)
				}
			}
		}
	}
	switch {
	case len(all) == 0:
		return nil, nil, fmt.Errorf("%w: no cell is left: %s", rig.ErrConfig, skipped[0].Why)
	case len(all) > MaxCells:
		return nil, nil, fmt.Errorf("%w: %d cells; give fewer values, for %d at most", rig.ErrConfig, len(all), MaxCells)
	}
	return all, skipped, nil
}

func (c *Config) complete() error {
	setDefault(&c.Transports, rig.Shm)
	setDefault(&c.Sizes, perf.DefaultSize)
	setDefault(&c.Waits, perf.Spin)
	setDefault(&c.Sessions, 1)
	if c.Repeats == 0 {
		c.Repeats = DefaultRepeats
	}
	if c.Time == 0 {
		c.Time = DefaultTime
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
	switch {
	case c.Repeats < 1 || c.Repeats > MaxRepeats:
		return fmt.Errorf("%w: %d repeats; give 1 to %d", rig.ErrConfig, c.Repeats, MaxRepeats)
	case c.Time < MinTime || c.Time > MaxTime:
		return fmt.Errorf("%w: %v for a cell; give %v to %v", rig.ErrConfig, c.Time, MinTime, MaxTime)
	}
	return nil
}

// setDefault also drops what is given twice.
func setDefault[T comparable](v *[]T, def T) {
	if len(*v) == 0 {
		*v = []T{def}
	}
	var once []T
	for _, x := range *v {
		if !slices.Contains(once, x) {
			once = append(once, x)
		}
	}
	*v = once
}

// check says what is wrong with a cell before anything is measured.
func (c *Config) check(cell Cell) error {
	if rig.CarrierOf(cell.Transport) == nil {
		return fmt.Errorf("%w: transport %q is unknown; use %s", rig.ErrConfig, cell.Transport, rig.Listed(rig.Transports()))
	}
	if cell.Size < 1 { // which would stand for the default
		return fmt.Errorf("%w: %d bytes; a message has at least %d", rig.ErrSize, cell.Size, perf.MinTypedSize)
	}
	if cell.Sessions < 1 {
		return fmt.Errorf("%w: %d sessions; give at least 1", rig.ErrConfig, cell.Sessions)
	}
	one := c.pingpong(cell)
	if err := one.Check(); err != nil || cell.Sessions == 1 {
		return err
	}
	return c.load(cell).Check()
}

// pingpong is how one session is measured, beside its limit.
func (c *Config) pingpong(cell Cell) perf.Config {
	p := perf.Config{
		Transport: cell.Transport, Size: cell.Size, Wait: cell.Wait, Ring: c.Ring, Cores: c.Cores, Seconds: c.Time.Seconds(),
	}
	if cell.Transport.InProcess() && cell.Wait == perf.Block {
		p.Cores = nil
	}
	return p
}

// load is how several are.
func (c *Config) load(cell Cell) load.Config {
	l := load.Config{
		Transport: cell.Transport, Size: cell.Size, Wait: cell.Wait, Ring: c.Ring, Cores: c.Cores, Sessions: cell.Sessions,
		Closed: true, Rounds: 1, Round: c.Time, Warm: max(c.Time/4, time.Millisecond),
	}
	if cell.Transport.Roams() { // not pinned
		l.Cores = nil
	}
	return l
}

// order is in which the cells of a repeat are measured.
func (c *Config) order(cells, repeat int) []int {
	return rand.New(rand.NewPCG(c.Seed, uint64(repeat))).Perm(cells)
}
