package dash

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/codec"
	jsoncodec "github.com/corechan/corechan/engine/codec/json"
	"github.com/corechan/corechan/engine/watch"
	"github.com/corechan/corechan/perf/probe"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/ws"
)

// ErrConfig refuses a Config. What is returned wraps it, and says what to do instead.
var ErrConfig = errors.New("cannot show this")

// Bounds.
const (
	MinInterval  = 100 * time.Millisecond
	MaxInterval  = time.Minute
	MaxKept      = 7200     // samples
	MaxKeptBytes = 64 << 20 // of samples, encoded
	MaxViewers   = 16
)

// Config says what a Dash shows, and to whom.
type Config struct {
	// Probe counts. It stays the caller's, to be closed after the Dash.
	Probe *probe.Probe
	// Follows is what the Probe follows, in words; empty: "every process".
	Follows string
	// InterruptCost is what the Probe was given of that name; 0 if nothing.
	InterruptCost time.Duration
	// Pollers are those of this process whose gaps are shown.
	Pollers []Poller
	// Watcher, if there is one, looks at the sessions and channels of this machine's processes, at most once a second; of PIDs only, if
	// there are any. It stays the caller's.
	Watcher *watch.Watcher
	PIDs    []int
	// Messages has the engines that Watcher sees say when each message was sent, so that the page shows how long messages take. It
	// costs each process two clock reads a message.
	Messages bool
	// Interval is how long a sample counts, MinInterval to MaxInterval; 0 means 1 s.
	Interval time.Duration
	// Keep is how far back one can look, MaxKept samples and MaxKeptBytes at most; 0 means 15 minutes,
	// or what is possible of it.
	Keep time.Duration
	// Token is asked for from everybody, at least MinToken bytes; empty: only who connects from this machine is answered.
	Token string
	// Hosts are names by which browsers may ask for the page, beside addresses and localhost. They take a Token: behind a proxy
	// everybody comes from this machine.
	Hosts []string
	// Logger gets who was refused or dropped; nil: silence.
	Logger *slog.Logger

	patience time.Duration // how long a viewer may take nothing
}

// Check says what is wrong, as far as the Config alone shows it: an error that wraps ErrConfig.
func (c Config) Check() error { return c.defaults() }

// defaults fills in what is not set, and says what is wrong.
func (c *Config) defaults() error {
	if c.Interval == 0 {
		c.Interval = time.Second
	}
	if c.Keep == 0 {
		c.Keep = max(min(15*time.Minute, MaxKept*c.Interval), c.Interval)
	}
	if c.Follows == "" {
		c.Follows = "every process"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.patience == 0 {
		c.patience = defaultPatience
	}
	switch {
	case c.Interval < MinInterval || c.Interval > MaxInterval:
		return fmt.Errorf("%w: an interval of %v; give %v to %v", ErrConfig, c.Interval, MinInterval, MaxInterval)
	case c.Keep < c.Interval || c.Keep/c.Interval > MaxKept:
		return fmt.Errorf("%w: %v in steps of %v; keep at least one sample and at most %d", ErrConfig, c.Keep, c.Interval, MaxKept)
	case len(c.Hosts) > 0 && c.Token == "":
		return fmt.Errorf("%w: names by which others ask, and no token; give one, or no names", ErrConfig)
	case c.Token != "" && len(c.Token) < MinToken:
		return fmt.Errorf("%w: a token of %d bytes; give at least %d", ErrConfig, len(c.Token), MinToken)
	}
	return nil
}

// A Dash samples, and serves the page: an http.Handler. Its methods may be used concurrently.
type Dash struct {
	config   Config
	about    About
	began    time.Time
	guard    guard
	files    map[string]file
	sessions http.Handler
	engine   *engine.Engine
	history  *history
	viewers  viewers

	ctx     context.Context
	end     context.CancelFunc
	workers sync.WaitGroup
	take    taker
	looker  looker
	closed  atomic.Bool
}

// A taker takes samples; errors are told in them.
type taker func() (take func(grain) *Sample, err error)

// New begins to take samples. The caller owns the Dash and calls Close.
func New(c Config) (*Dash, error) {
	if c.Probe == nil {
		return nil, fmt.Errorf("%w: no Probe", ErrConfig)
	}
	first, err := c.Probe.Snapshot()
	if err != nil {
		return nil, err
	}
	return start(c, c.Probe.Status(), fromProbe(&c, first))
}

func start(c Config, status []probe.Status, take taker) (*Dash, error) {
	if err := c.defaults(); err != nil {
		return nil, err
	}
	page, err := pageFiles()
	if err != nil {
		return nil, err
	}
	eng, err := engine.New(engine.Config{
		Codecs: []codec.Codec{jsoncodec.Codec{}}, Codec: jsoncodec.Codec{}, Wait: engine.Block, Logger: c.Logger, Hidden: true,
		Limits: engine.Limits{Sessions: MaxViewers, Channels: 4, Unclaimed: 1, References: 1, Lanes: 1, Window: 4 << 10},
	})
	if err != nil {
		return nil, err
	}
	d := &Dash{
		config: c, began: time.Now(), guard: guard{token: c.Token, hosts: c.Hosts}, files: page, engine: eng, take: take,
		history: newHistory(int(c.Keep/c.Interval), MaxKeptBytes),
	}
	d.about = describe(&c, status, d.began)
	d.ctx, d.end = context.WithCancel(context.Background())
	d.sessions = ws.Handler(d.view, &ws.Options{Engine: eng, Ring: ring.Options{Capacity: 2 * sampleSize}})
	d.workers.Go(d.sample)
	if c.Watcher != nil {
		d.looker.look, d.looker.pids = c.Watcher.Look, c.PIDs
		d.workers.Go(func() { d.looker.run(d.ctx, c.Interval) })
		if c.Messages {
			d.workers.Go(func() { c.Watcher.KeepStamping(d.ctx) })
		}
	}
	return d, nil
}

// describe says what is sampled.
func describe(c *Config, status []probe.Status, began time.Time) About {
	host, _ := os.Hostname()
	var name unix.Utsname
	_ = unix.Uname(&name)
	return About{
		Kind: "about", Version: Version, Run: fmt.Sprintf("%x-%x", os.Getpid(), began.UnixNano()), Began: began, Host: host,
		Kernel: unix.ByteSliceToString(name.Release[:]), Follows: c.Follows, Interval: c.Interval, InterruptCost: c.InterruptCost, Status: status,
		Messages: c.Messages && c.Watcher != nil,
	}
}

// Close ends all sessions and stops sampling. It waits for both, for the sessions 5 s at most. A second call returns os.ErrClosed.
func (d *Dash) Close() error {
	if d.closed.Swap(true) {
		return os.ErrClosed
	}
	d.end()
	d.workers.Wait()
	d.viewers.close() // they tell their pages why, which Shutdown does not
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return d.engine.Shutdown(ctx)
}

// ServeHTTP implements http.Handler.
func (d *Dash) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	if no := d.guard.check(r); no != nil {
		d.config.Logger.Warn("viewer refused", "peer", r.RemoteAddr, "host", r.Host, "reason", no.text)
		http.Error(w, "corechan: "+no.text, no.code)
		return
	}
	name := r.URL.Path
	if len(name) > 0 && name[0] == '/' {
		name = name[1:]
	}
	if r.Method == http.MethodPost && name == "login" {
		d.guard.login(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "corechan: "+r.Method+" is not for this", http.StatusMethodNotAllowed)
		return
	}
	f, isFile := d.files[name]
	switch admitted := d.guard.admits(r); {
	case isFile && (admitted || name == loginPage || f.kind != types[".html"]):
		f.send(w, r, http.StatusOK)
	case !admitted:
		w.Header().Set("WWW-Authenticate", "Bearer")
		f := d.files[loginPage]
		f.send(w, r, http.StatusUnauthorized)
	case name == "":
		f := d.files["index.html"]
		f.send(w, r, http.StatusOK)
	case name == "session":
		d.sessions.ServeHTTP(w, r)
	case name == "recording":
		d.recording(w, r)
	default:
		http.NotFound(w, r)
	}
}
