package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/corechan/corechan/bench/peers/compare"
	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/bench/peers/rivals"
	"github.com/corechan/corechan/perf"
)

// compareCommand are the flags of a comparison.
type compareCommand struct {
	Short    bool          `help:"Take less than a minute: messages of 64 B, fewer rounds."`
	Full     bool          `help:"All sizes with all kinds of work; takes about ten minutes."`
	Only     string        `help:"Compare only those whose name (see list) matches this regular expression; the limit is always there." placeholder:"REGEXP"`
	Kinds    []peer.Kind   `help:"Only these kinds of work: trip, stream, calls, crowd."`
	Sizes    []int         `help:"Only these sizes of messages, in bytes, from 24 to 1048576."`
	Services bool          `help:"Compare generated services too; without --only, --kinds and --sizes it is the default." negatable:"" default:"true"`
	Rounds   int           `help:"How many slices each has; 0: as the length of the run allows." default:"0"`
	Slice    time.Duration `help:"How long a slice is; 0: as the length of the run allows." default:"0"`
	Cores    string        `help:"The two cores, such as 0,1; by default the first two." default:""`
	Out      string        `help:"Folder for compare.json, compare.md and the pictures; empty: write none." default:""`
	JSON     bool          `help:"Print JSON instead of a table."`
}

const (
	inflight = 64
	crowd    = 100
	largest  = 1 << 20
)

func (c *compareCommand) Run() error {
	o, err := c.options()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var clear func()
	o.Progress, clear = progress()
	r, err := compare.Run(ctx, o)
	clear()
	if err != nil {
		return err
	}
	var names []string
	if c.Out != "" && len(r.Cases) > 0 { // first, as who reads the table may stop to
		if names, err = compare.Files(c.Out, r); err != nil {
			names = nil
		}
	}
	if c.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "\t")
		return errors.Join(err, e.Encode(r), c.interrupted(r, o))
	}
	err = errors.Join(err, compare.Print(os.Stdout, r), c.interrupted(r, o))
	if len(names) > 0 {
		fmt.Println("\nWritten:", strings.Join(names, " "))
	}
	return err
}

func (c *compareCommand) interrupted(r *compare.Report, o *compare.Options) error {
	if !r.Interrupted {
		return nil
	}
	return fmt.Errorf("interrupted: %d of %d cases were completed", len(r.Cases), len(o.Cases))
}

func (c *compareCommand) options() (*compare.Options, error) {
	o := &compare.Options{Rounds: 5, Slice: 60 * time.Millisecond, Limit: 15 * time.Millisecond, Cores: [2]int{0, 1}}
	if c.Short {
		o.Rounds, o.Slice, o.Limit = 3, 40*time.Millisecond, 10*time.Millisecond
	}
	if c.Rounds > 0 {
		o.Rounds = c.Rounds
	}
	if c.Slice > 0 {
		o.Slice = c.Slice
	}
	if c.Cores != "" {
		cores, err := perf.ParseCores(c.Cores)
		if err != nil {
			return nil, err
		}
		if len(cores) != 2 {
			return nil, fmt.Errorf("--cores %s: give two cores, one for each side", c.Cores)
		}
		o.Cores = [2]int{cores[0], cores[1]}
	}
	if err := compare.CheckCores(o.Cores); err != nil {
		return nil, err
	}
	var err error
	if o.Cases, err = c.cases(); err != nil {
		return nil, err
	}
	only, err := regexp.Compile(c.Only)
	if err != nil {
		return nil, fmt.Errorf("--only: %w", err)
	}
	o.Services = c.Services && c.Only == "" && len(c.Kinds) == 0 && len(c.Sizes) == 0
	o.Entries = slices.DeleteFunc(rivals.All(), func(e peer.Entry) bool { return !only.MatchString(e.ID()) })
	if len(o.Entries) == 0 {
		return nil, fmt.Errorf("--only %s matches nothing; see: peers list", c.Only)
	}
	return o, nil
}

// cases are the pieces of work that were asked for.
func (c *compareCommand) cases() (all []peer.Case, err error) {
	for _, k := range c.Kinds {
		if !slices.Contains(peer.Kinds(), k) {
			return nil, fmt.Errorf("--kinds: there is no kind %q; there are %v", k, peer.Kinds())
		}
	}
	for _, s := range c.Sizes {
		if s < peer.MinSize || s > largest {
			return nil, fmt.Errorf("--sizes: %d; give %d to %d bytes", s, peer.MinSize, largest)
		}
	}
	sizes := []int{64, 4 << 10, 1 << 20}
	if c.Short {
		sizes = sizes[:1]
	}
	if len(c.Sizes) > 0 {
		sizes = c.Sizes
	}
	for _, k := range peer.Kinds() {
		if len(c.Kinds) > 0 && !slices.Contains(c.Kinds, k) {
			continue
		}
		for _, s := range sizes {
			one := peer.Case{Kind: k, Size: s, Conns: 1, Inflight: 1}
			switch k {
			case peer.Calls:
				one.Inflight = inflight
			case peer.Crowd:
				if s > 64<<10 && !c.Full && len(c.Sizes) == 0 {
					continue // 100 MiB each way: it is memory that would be measured
				}
				one.Conns = crowd
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// progress returns what shows how far it is, on a terminal by a line that changes, else by one now and then, and what removes it.
func progress() (show func(done float64, what string), clear func()) {
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	begin, last := time.Now(), time.Now()
	show = func(done float64, what string) {
		left := ""
		if spent := time.Since(begin); done > 0.02 {
			left = fmt.Sprintf(", %v left", time.Duration(float64(spent)/done*(1-done)).Round(time.Second))
		}
		line := fmt.Sprintf("%3.0f %%%s  %s", 100*done, left, what)
		if terminal {
			fmt.Fprintf(os.Stderr, "\r\033[K%s", line)
		} else if time.Since(last) > 10*time.Second {
			last = time.Now()
			fmt.Fprintln(os.Stderr, line)
		}
	}
	return show, func() {
		if terminal {
			fmt.Fprint(os.Stderr, "\r\033[K")
		}
	}
}
