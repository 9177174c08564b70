package perf

import (
	"fmt"
	"slices"
	"time"

	"github.com/corechan/corechan/perf/limit"
	"github.com/corechan/corechan/perf/rig"
)

// Errors that say which rule a configuration breaks. What is returned wraps one of them and says what to do instead.
var (
	ErrConfig = rig.ErrConfig
	ErrSize   = rig.ErrSize
	ErrCores  = rig.ErrCores
)

// Wait is what a receiver does while there is nothing to receive.
type Wait string

// The ways to wait.
const (
	Spin   Wait = "spin"
	Hybrid Wait = "hybrid"
	Block  Wait = "block"
)

// Mode is what is sent.
type Mode string

// The modes: a Message encoded and decoded, or bytes written and read in place.
const (
	Typed Mode = "typed"
	Raw   Mode = "raw"
)

// Piece is how many bytes of a byte stream are counted as one: as many as one message of it carries at most.
const Piece = 64 << 10

// Bounds of a Config, and its defaults.
const (
	DefaultSize    = 64
	DefaultSeconds = 2.0
	MinRing        = 4 << 10
	MaxRing        = 1 << 30
	MaxRuns        = 1000
	MaxPause       = time.Second
	MaxInflight    = 4096
	DefaultBytes   = 1 << 30
)

// Config says what to measure. The zero value of each field but Cores stands for the default.
type Config struct {
	Transport Transport     // default Shm
	Size      int           // bytes of an encoded message; default 64; of a byte stream Piece
	Count     int           // round trips or messages to measure; 0: go by Seconds
	Seconds   float64       // how long to measure the system, warm-up and limit apart; default 2 unless Count is set
	Wait      Wait          // default Spin; Block where descriptors are passed, and over H2 and WS
	Mode      Mode          // default Typed; of a byte stream Raw
	Cores     []int         // of the near and the far thread; none: two that are not siblings
	Lane      bool          // use a channel with a ring of its own
	Ring      int           // capacity in bytes, a power of two; default Transport.DefaultRing
	Pause     time.Duration // busy time between an answer and the next message of a ping-pong, at most a second
	Compare   bool          // with Hybrid, a ping-pong: measure Spin and Block beside it
	Probes    bool          // a ping-pong: measure it with probes attached beside it; takes CAP_BPF and CAP_PERFMON
	Stamps    bool          // a ping-pong over shm, unix or inmem: measure it with messages that say when they were sent beside it
	Inflight  int           // calls that are under way at once; default 1
	Runs      int           // how often to repeat everything, with new processes; medians are reported. Default 1
	Profile   Profile       // files that say where the time went
}

// inProcess says whether both threads are in one process.
func (c *Config) inProcess() bool { return c.Transport.InProcess() }

// pinned says whether the hot threads are locked and pinned. Goroutines that block on each other within one process are
// not: pinned to two threads they would pay two thread switches where none is needed.
func (c *Config) pinned() bool { return !c.inProcess() || c.Wait != Block }

// oneCore says whether both threads have the same core.
func (c *Config) oneCore() bool { return len(c.Cores) == 2 && c.Cores[0] == c.Cores[1] }

// rivals are the other ways to wait that are measured beside the one asked for. To spin on one core is no way to wait.
func (c *Config) rivals() []Wait {
	switch {
	case !c.Compare:
		return nil
	case c.oneCore():
		return []Wait{Block}
	default:
		return []Wait{Spin, Block}
	}
}

// complete fills in the defaults and checks everything that can be checked before anything is started.
func (c Config) complete(k kind, machine rig.Machine) (Config, error) {
	setDefault(&c.Transport, Shm)
	setDefault(&c.Ring, c.Transport.DefaultRing())
	setDefault(&c.Runs, 1)
	switch k {
	case byteStream:
		setDefault(&c.Size, Piece)
		setDefault(&c.Mode, Raw)
		if c.Seconds == 0 {
			setDefault(&c.Count, DefaultBytes/Piece)
		}
	case passing:
		setDefault(&c.Wait, Block)
	case call:
		setDefault(&c.Inflight, 1)
	}
	setDefault(&c.Size, DefaultSize)
	if c.Transport.Roams() {
		setDefault(&c.Wait, Block)
	}
	setDefault(&c.Wait, Spin)
	setDefault(&c.Mode, Typed)
	if c.Count != 0 && c.Seconds != 0 {
		return c, fmt.Errorf("%w: both a count and seconds are given; give one of them", ErrConfig)
	}
	if c.Count == 0 {
		setDefault(&c.Seconds, DefaultSeconds)
	}
	switch {
	case !c.Transport.Known():
		return c, fmt.Errorf("%w: transport %q is unknown; use %s", ErrConfig, c.Transport, rig.Listed(Transports()))
	case !oneOf(c.Wait, Spin, Hybrid, Block):
		return c, fmt.Errorf("%w: wait %q is unknown; use spin, hybrid or block", ErrConfig, c.Wait)
	case c.Transport.Roams() && c.Wait != Block:
		return c, errPoller(c.Transport, c.Wait)
	case !oneOf(c.Mode, Typed, Raw):
		return c, fmt.Errorf("%w: mode %q is unknown; use typed or raw", ErrConfig, c.Mode)
	case c.Count < 0:
		return c, fmt.Errorf("%w: a count of %d; give at least 1", ErrConfig, c.Count)
	case c.Seconds < 0 || c.Seconds > (24*time.Hour).Seconds():
		return c, fmt.Errorf("%w: %v seconds; give more than 0 and at most a day", ErrConfig, c.Seconds)
	case c.Pause < 0 || c.Pause > MaxPause:
		return c, fmt.Errorf("%w: a pause of %v; give 0 to %v", ErrConfig, c.Pause, MaxPause)
	case c.Pause != 0 && k != pingpong:
		return c, fmt.Errorf("%w: only a ping-pong has pauses", ErrConfig)
	case c.Compare && (k != pingpong || c.Wait != Hybrid):
		return c, fmt.Errorf("%w: only a ping-pong with --wait hybrid is compared", ErrConfig)
	case c.Compare && c.Transport == BareInmem:
		return c, fmt.Errorf("%w: %s is not compared", ErrConfig, c.Transport)
	case c.Probes && k != pingpong:
		return c, fmt.Errorf("%w: only a ping-pong is measured with probes", ErrConfig)
	case c.Stamps && (k != pingpong || !oneOf(c.Transport, Shm, Unix, Inmem)):
		return c, fmt.Errorf("%w: only a ping-pong over shm, unix or inmem is measured with stamps", ErrConfig)
	case c.Runs < 1 || c.Runs > MaxRuns:
		return c, fmt.Errorf("%w: %d runs; give 1 to %d", ErrConfig, c.Runs, MaxRuns)
	case c.Ring < MinRing || c.Ring > MaxRing || c.Ring&(c.Ring-1) != 0:
		return c, fmt.Errorf("%w: a ring of %d bytes; give a power of two from %d to %d", ErrConfig, c.Ring, MinRing, MaxRing)
	}
	if err := c.checkKind(k); err != nil {
		return c, err
	}
	if err := c.checkSize(k); err != nil {
		return c, err
	}
	var err error
	c.Cores, err = choose(machine, c.Cores, &c)
	return c, err
}

// errPoller refuses to poll where the process has one core, and what is polled for comes by Go's own poller on the same core.
func errPoller(t Transport, w Wait) error {
	return fmt.Errorf("%w: over %s a message comes by Go's own poller, from which --wait %s would only take the core; use --wait block",
		ErrConfig, t, w)
}

// checkKind checks what not every kind of measurement can do.
func (c *Config) checkKind(k kind) error {
	switch {
	case k != call && c.Inflight != 0:
		return fmt.Errorf("%w: only calls have a number in flight", ErrConfig)
	case c.Lane && !c.Transport.Lanes():
		return fmt.Errorf("%w: %s has no lanes; leave --lane out, or use shm or inmem", ErrConfig, c.Transport)
	case k == pingpong || k == stream:
		return nil
	case c.Transport.Bare():
		return fmt.Errorf("%w: %s carries no %s", ErrConfig, c.Transport, k)
	case k == passing && !c.Transport.Passes():
		passing := slices.DeleteFunc(Transports(), func(t Transport) bool { return !t.Passes() })
		return fmt.Errorf("%w: descriptors are passed between two processes of one machine; use %s", ErrConfig, rig.Listed(passing))
	case c.Lane:
		return fmt.Errorf("%w: a lane carries neither channels, nor streams, nor descriptors", ErrConfig)
	case k == byteStream && (c.Mode != Raw || c.Size != Piece):
		return fmt.Errorf("%w: a byte stream has neither a message size nor a mode", ErrConfig)
	case k != byteStream && c.Mode != Typed:
		return fmt.Errorf("%w: what carries something is typed", ErrConfig)
	case k == call && (c.Inflight < 1 || c.Inflight > MaxInflight):
		return fmt.Errorf("%w: %d calls in flight; give 1 to %d", ErrConfig, c.Inflight, MaxInflight)
	}
	return nil
}

// checkSize checks what is known before a channel says how much it takes: see tooLarge.
func (c *Config) checkSize(k kind) error {
	most := c.Ring
	if !k.trips() {
		most = limit.MaxStreamSize(c.Ring)
	}
	if c.Size > most {
		return tooLarge(c, most)
	}
	switch {
	case k == passing && c.Size > limit.MaxRights:
		return fmt.Errorf("%w: %d bytes with a descriptor; give at most %d", ErrSize, c.Size, limit.MaxRights)
	case k == call || k == passing:
		_, err := carrierPad(c.Size)
		return err
	case c.Mode == Typed:
		_, err := padFor(c.Size)
		return err
	}
	if c.Size < 1 {
		return fmt.Errorf("%w: %d bytes; a raw message has at least 1", ErrSize, c.Size)
	}
	return nil
}

func tooLarge(c *Config, most int) error {
	hint := fmt.Sprintf("a larger ring carries more, up to --ring %d", MaxRing)
	if c.Ring == MaxRing {
		hint = "no ring is larger"
	}
	return fmt.Errorf("%w: %d bytes are more than the %d that a ring of %d bytes carries; %s",
		ErrSize, c.Size, most, c.Ring, hint)
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func oneOf[T comparable](v T, all ...T) bool {
	for _, a := range all {
		if v == a {
			return true
		}
	}
	return false
}
