package load

import (
	"fmt"
	"math"
	"time"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/rig"
)

// Bounds of a Config, and its defaults.
const (
	DefaultSize   = 64
	DefaultRounds = 5
	DefaultRound  = time.Second
	DefaultWarm   = time.Second
	MaxRate       = 1e8 // messages per second
	MaxRounds     = 1_000_000
	MinRound      = 10 * time.Millisecond
	MaxRound      = time.Hour
	MaxSessions   = 10_000
	MaxSenders    = 256
	MaxStall      = 10 * time.Second
)

// Config says what to send. The zero value of each field but Rate stands for the default.
type Config struct {
	Transport rig.Transport // default Shm
	Rate      float64       // messages per second, of all senders together
	Closed    bool          // instead of a rate: each session always has one message under way, and the next is due when its answer is there
	Poisson   bool          // the times between messages are random, as if each came from a user of its own; else all the same
	Seed      uint64        // of the random times; the same seed has the same times. Default 1
	Size      int           // bytes of an encoded message; default 64
	Wait      perf.Wait     // what the receiver does while there is nothing to receive; default Spin; Block over H2 and WS
	Senders   int           // threads that send, each on a core of its own; default 1
	Sessions  int           // that they send on, evenly; default one for each sender
	Cores     []int         // of the senders, then of the receiver; none: the first that are not siblings
	Warm      time.Duration // default 1 s; less than 0: none
	Rounds    int           // default 5
	Round     time.Duration // how long a round is; default 1 s
	Ring      int           // capacity of each ring in bytes, a power of two; default Transport.DefaultRing
	Stall     time.Duration // how long the receiver stands still in the middle of each measured round; default: it does not
}

// pinned says whether the threads are locked and pinned. What waits in Go's own poller needs the scheduler.
func (c *Config) pinned() bool { return !c.Transport.Roams() }

// complete fills in the defaults and checks everything that can be checked before anything is started.
func (c Config) complete(m rig.Machine) (Config, error) {
	setDefault(&c.Transport, rig.Shm)
	setDefault(&c.Size, DefaultSize)
	if c.Transport.Roams() {
		setDefault(&c.Wait, perf.Block)
	}
	setDefault(&c.Wait, perf.Spin)
	setDefault(&c.Senders, 1)
	setDefault(&c.Sessions, c.Senders)
	setDefault(&c.Warm, DefaultWarm)
	setDefault(&c.Rounds, DefaultRounds)
	setDefault(&c.Round, DefaultRound)
	setDefault(&c.Ring, c.Transport.DefaultRing())
	setDefault(&c.Seed, 1)
	c.Warm = max(c.Warm, 0)
	if err := c.check(); err != nil {
		return c, err
	}
	if err := rig.CheckDescriptors(c.Sessions); err != nil {
		return c, err
	}
	var err error
	c.Cores, err = c.choose(m)
	return c, err
}

func (c *Config) check() error {
	switch {
	case rig.CarrierOf(c.Transport) == nil:
		return fmt.Errorf("%w: transport %q is unknown; use %s", rig.ErrConfig, c.Transport, rig.Listed(rig.Transports()))
	case c.Closed && (c.Rate != 0 || c.Poisson):
		return fmt.Errorf("%w: a closed loop has no rate, and no random times", rig.ErrConfig)
	case !c.Closed && (!(c.Rate > 0) || math.IsInf(c.Rate, 0)):
		return fmt.Errorf("%w: a rate of %v messages per second; give more than 0, for instance --rate 100k", rig.ErrConfig, c.Rate)
	case c.Rate > MaxRate:
		return fmt.Errorf("%w: a rate of %.3g messages per second, which no machine keeps; give at most %.0f M", rig.ErrConfig, c.Rate, MaxRate/1e6)
	case c.Wait != perf.Spin && c.Wait != perf.Hybrid && c.Wait != perf.Block:
		return fmt.Errorf("%w: wait %q is unknown; use spin, hybrid or block", rig.ErrConfig, c.Wait)
	case c.Transport.Roams() && c.Wait != perf.Block:
		return fmt.Errorf("%w: over %s a message comes by Go's own poller, from which --wait %s would only take the core; use --wait block",
			rig.ErrConfig, c.Transport, c.Wait)
	case c.Senders < 1 || c.Senders > MaxSenders:
		return fmt.Errorf("%w: %d senders; give 1 to %d", rig.ErrConfig, c.Senders, MaxSenders)
	case c.Sessions < c.Senders || c.Sessions > MaxSessions:
		return fmt.Errorf("%w: %d sessions for %d senders; give one for each at least, %d at most", rig.ErrConfig, c.Sessions, c.Senders, MaxSessions)
	case c.Rounds < 1 || c.Rounds > MaxRounds:
		return fmt.Errorf("%w: %d rounds; give 1 to %d", rig.ErrConfig, c.Rounds, MaxRounds)
	case c.Round < MinRound || c.Round > MaxRound:
		return fmt.Errorf("%w: rounds of %v; give %v to %v", rig.ErrConfig, c.Round, MinRound, MaxRound)
	case c.Warm > MaxRound:
		return fmt.Errorf("%w: %v to warm up; give at most %v", rig.ErrConfig, c.Warm, MaxRound)
	case c.Stall < 0 || c.Stall > MaxStall:
		return fmt.Errorf("%w: a stall of %v; give 0 to %v", rig.ErrConfig, c.Stall, MaxStall)
	case !c.Closed && c.Rate*c.Round.Seconds() < 1:
		return fmt.Errorf("%w: no message is due within a round of %v at %v per second; give longer rounds", rig.ErrConfig, c.Round, c.Rate)
	case c.Ring < perf.MinRing || c.Ring > perf.MaxRing || c.Ring&(c.Ring-1) != 0:
		return fmt.Errorf("%w: a ring of %d bytes; give a power of two from %d to %d", rig.ErrConfig, c.Ring, perf.MinRing, perf.MaxRing)
	case c.Size > limit.MaxStreamSize(c.Ring):
		return fmt.Errorf("%w: %d bytes are more than the %d of which a ring of %d bytes carries several; a larger ring carries more, up to --ring %d",
			rig.ErrSize, c.Size, limit.MaxStreamSize(c.Ring), c.Ring, perf.MaxRing)
	case c.Stall > 0 && c.Size < minStallSize:
		return fmt.Errorf("%w: %d bytes; a stall needs %d at least, to say when", rig.ErrSize, c.Size, minStallSize)
	}
	_, err := perf.NewMessage(c.Size)
	return err
}

// minStallSize has one byte of padding.
const minStallSize = perf.MinTypedSize + 1

// choose checks the cores that were asked for, or picks some: of the senders, then of the receiver.
func (c *Config) choose(m rig.Machine) ([]int, error) {
	if !c.pinned() {
		if len(c.Cores) != 0 {
			return nil, fmt.Errorf("%w: what goes over %s is not pinned; leave --cores out", rig.ErrCores, c.Transport)
		}
		return []int{}, nil
	}
	need := c.Senders + 1
	if len(m.Allowed) < need {
		return nil, fmt.Errorf("%w: %d for this process (%s), and senders and receiver need %d: each sender polls on a core of its own; "+
			"use fewer --senders, or give the process more cores (taskset, or the container's cpuset)",
			rig.ErrCores, len(m.Allowed), rig.FormatCores(m.Allowed), need)
	}
	if len(c.Cores) == 0 {
		if need == 2 {
			return m.Pick(), nil
		}
		return m.Allowed[:need], nil
	}
	if len(c.Cores) != need {
		return nil, fmt.Errorf("%w: %d given; give %d, one for each sender and then the receiver's", rig.ErrCores, len(c.Cores), need)
	}
	if err := m.Check(c.Cores...); err != nil {
		return nil, err
	}
	seen := map[int]bool{}
	for _, core := range c.Cores {
		if seen[core] {
			return nil, fmt.Errorf("%w: %d twice: each sender polls, and would wait for the other's time slice; give different cores",
				rig.ErrCores, core)
		}
		seen[core] = true
	}
	return c.Cores, nil
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// mostUnderWay is how many messages of a session may be sent and not answered: at most half of what a ring holds, so that neither
// side ever waits for the other to make room; and not too many in all.
func (c *Config) mostUnderWay() int {
	if c.Closed {
		return 1
	}
	const header = 32 // of a frame and its record, at most
	const inAll = 1 << 18
	return min(max(c.Ring/2/(c.Size+header), 1), max(inAll/c.Sessions, 16))
}
