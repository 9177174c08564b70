package netpoll

import (
	"errors"
	"fmt"
	"time"
)

// Wait says what a loop does when it finds nothing to do.
type Wait int

const (
	// Hybrid polls the pollers for Config.SpinFor after the last work, then sleeps. Without pollers it is Block.
	Hybrid Wait = iota
	// Spin never sleeps: it polls the pollers and looks at epoll in turns. Lowest latency, one core at 100%.
	Spin
	// Block sleeps at once.
	Block
)

// String returns the constant's name in lower case.
func (w Wait) String() string {
	switch w {
	case Hybrid:
		return "hybrid"
	case Spin:
		return "spin"
	case Block:
		return "block"
	}
	return fmt.Sprintf("wait(%d)", int(w))
}

// Config is how a loop runs. The zero Config, and nil where a *Config is asked for, mean the defaults. It is copied by
// New and NewGroup.
type Config struct {
	// Pinned confines the loop's thread to Core. Otherwise the kernel chooses, and Core is ignored.
	Pinned bool
	// Core is the core to run on if Pinned.
	Core int

	// Unlocked makes the loop a goroutine without a thread of its own, which waits by the poller of the Go runtime, as for a net.Conn. It
	// always waits as Block does, and takes a little longer to wake up, but hands over to other goroutines without a change of threads: for
	// loops whose callbacks do little but wake goroutines. Not with Pinned.
	Unlocked bool

	// Wait is what to do with nothing to do. Default: Hybrid.
	Wait Wait
	// SpinFor is how long Hybrid spins after the last work, and how long a poller with a doorbell is idle before it is
	// asked no more until the doorbell rings. Default: 50 us.
	SpinFor time.Duration

	// Budget is the number of items that a poller may handle, and of posts and timers that may run, in one turn. Handlers
	// read it with Loop.Budget. Default: 64.
	Budget int
	// MaxEvents is the number of events taken from epoll at once. Default: 256.
	MaxEvents int
	// PostLimit is the number of functions that may wait to be run, rounded up to a power of two. Each place takes 16
	// bytes. Default: 4096.
	PostLimit int

	// Profile measures the time of every callback, for Stats.Busiest. It costs two readings of the clock a call.
	// Without it, Busiest counts calls.
	Profile bool

	// OnPanic is called on the loop's thread with the value and the stack of a callback that panicked. The
	// registration or poller whose callback it was has been closed, since it would be called, and panic, again; the
	// loop goes on. Default: nil, and a panic ends the process, as in any goroutine.
	OnPanic func(value any, stack []byte)
}

const maxPostLimit = 1 << 24

// withDefaults returns a copy with defaults filled in, or says which field is wrong.
func (c *Config) withDefaults() (Config, error) {
	var cfg Config
	if c != nil {
		cfg = *c
	}
	for _, f := range []struct {
		name      string
		v         *int
		def, most int
	}{
		{"Budget", &cfg.Budget, 64, 1 << 20},
		{"MaxEvents", &cfg.MaxEvents, 256, 1 << 16},
		{"PostLimit", &cfg.PostLimit, 4096, maxPostLimit},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
		if *f.v < 0 || *f.v > f.most {
			return cfg, opError("configure", -1, fmt.Errorf("%s is %d, must be from 1 to %d, or 0 for %d", f.name, *f.v, f.most, f.def))
		}
	}
	if cfg.SpinFor == 0 {
		cfg.SpinFor = 50 * time.Microsecond
	}
	if cfg.SpinFor < 0 {
		return cfg, opError("configure", -1, fmt.Errorf("SpinFor is %v, must not be negative; Wait: Block does not spin", cfg.SpinFor))
	}
	if cfg.Unlocked && cfg.Pinned {
		return cfg, opError("configure", -1, errors.New("both Unlocked and Pinned: a goroutine has no core"))
	}
	if cfg.Wait < Hybrid || cfg.Wait > Block {
		return cfg, opError("configure", -1, fmt.Errorf("Wait is %d, must be Hybrid, Spin or Block", int(cfg.Wait)))
	}
	if cfg.Unlocked {
		cfg.Wait = Block
	}
	return cfg, nil
}
