package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/environment"
)

// flags are what a user may say.
type flags struct {
	Strict  bool    `help:"Find what is 15 % worse. Needs a quiet machine: the one that the record was made on, or any with --base."`
	Base    string  `help:"With --strict: a guard built from another commit (go build -o OLD ./bench/guard there), to be measured in turn with this one." placeholder:"OLD"`
	Record  bool    `help:"Measure, and write the record anew. Do that on a quiet machine."`
	File    string  `help:"The record." default:"bench/guard/recorded.json"`
	Rounds  int     `help:"Rounds of --strict and --record." default:"15"`
	Seconds float64 `help:"How long a figure is measured in a round." default:"0.3"`
	Only    string  `help:"Only figures whose name matches this regular expression." placeholder:"REGEXP"`
	Repeat  int     `help:"Run so many times, and count the alarms." default:"1"`
	JSON    bool    `help:"Print JSON instead of a table."`
	Measure string  `hidden:"" help:"Print one ratio of the figure of this name, for another guard."`
}

// errSlower is the verdict that ends the program with 1.
var errSlower = errors.New("slower than it was; the commands above show it")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if slices.Equal(os.Args[1:], []string{"perf", "peer"}) { // as perf starts it
		exitWith(perf.ServePeer(ctx))
		return
	}
	var f flags
	kong.Parse(&f, kong.Name("guard"), kong.Description(
		"Measures the figures that the README claims, as ratios to the machine's limit, and fails where they are certainly worse than recorded."))
	exitWith(f.run(ctx))
}

func exitWith(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

func (f *flags) run(ctx context.Context) error {
	g := &guard{seconds: f.Seconds, recorded: &record{}}
	if f.Measure != "" {
		return f.measureOne(ctx)
	}
	switch {
	case f.Seconds <= 0 || f.Seconds > 60:
		return fmt.Errorf("--seconds %v: give more than 0 and at most 60", f.Seconds)
	case f.Rounds < fewest:
		return fmt.Errorf("--rounds %d: give %d at least, fewer say nothing", f.Rounds, fewest)
	case f.Repeat < 1:
		return fmt.Errorf("--repeat %d: give at least 1", f.Repeat)
	case f.Base != "" && !f.Strict:
		return errors.New("--base goes with --strict")
	case f.Record && f.Strict:
		return errors.New("--record and --strict exclude each other")
	}
	only, err := regexp.Compile(f.Only)
	if err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	if g.figures = slices.DeleteFunc(figures(), func(f figure) bool { return !only.MatchString(f.name) }); len(g.figures) == 0 {
		return fmt.Errorf("--only %s matches no figure", f.Only)
	}
	var clear func()
	g.progress, clear = progress()
	defer clear()
	if f.Record {
		return f.record(ctx, g, clear)
	}
	if f.Base == "" || !f.Strict {
		if g.recorded, err = readRecord(f.File); err != nil {
			return err
		}
	}
	if f.Strict && f.Base == "" && g.recorded.Machine != machine(ctx) {
		return fmt.Errorf("the record is of another machine (%s); make one here with --record --file FILE, or use --base", g.recorded.Machine)
	}
	if f.Base != "" {
		g.base = otherBuild(f.Base, f.Seconds)
	}
	alarms := 0
	for range f.Repeat {
		slower, err := f.once(ctx, g, clear)
		if err != nil {
			return err
		}
		if slower {
			alarms++
		}
	}
	if f.Repeat > 1 {
		fmt.Printf("%d of %d runs found something slower\n", alarms, f.Repeat)
	}
	if alarms > 0 {
		return errSlower
	}
	return nil
}

// once runs once, and says whether anything was slower.
func (f *flags) once(ctx context.Context, g *guard, clear func()) (slower bool, err error) {
	var all []verdict
	against := "recorded"
	if f.Strict {
		all, err = g.strict(ctx, f.Rounds)
	} else {
		all, err = g.loose(ctx)
	}
	if f.Base != "" {
		against = "base"
	}
	clear()
	if f.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "\t")
		return failed(all), errors.Join(err, e.Encode(all))
	}
	if len(all) > 0 {
		err = errors.Join(err, printVerdicts(os.Stdout, all, against))
	}
	return failed(all), err
}

// record measures and writes the record.
func (f *flags) record(ctx context.Context, g *guard, clear func()) error {
	r := &record{
		Machine: machine(ctx), Commit: commit(), When: time.Now().UTC().Format(time.RFC3339), Load: load(), Seconds: f.Seconds,
	}
	now, _, err := g.rounds(ctx, f.Rounds)
	clear()
	if err != nil {
		return err
	}
	for i := range g.figures {
		one := newRatios(now[i].Name, now[i].Rounds)
		one.Noisy = now[i].Noisy
		r.Figures = append(r.Figures, one)
		fmt.Printf("%s: %.2f (%.2f to %.2f; %d of %d rounds disturbed)\n", one.Name, one.Ratio, one.Least, one.Most, one.Noisy, len(one.Rounds))
	}
	return r.write(f.File)
}

// measureOne prints a ratio, for another guard.
func (f *flags) measureOne(ctx context.Context) error {
	for _, one := range figures() {
		if one.name == f.Measure {
			r, err := one.measure(ctx, f.Seconds)
			if err == nil {
				fmt.Println(r.ratio)
			}
			return err
		}
	}
	return fmt.Errorf("there is no figure %q", f.Measure)
}

// otherBuild measures figures with another build of this program.
func otherBuild(program string, seconds float64) func(context.Context, *figure) (float64, error) {
	return func(ctx context.Context, f *figure) (float64, error) {
		out, err := exec.CommandContext(ctx, program, "--measure", f.name, "--seconds", strconv.FormatFloat(seconds, 'g', -1, 64)).Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return 0, fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(exit.Stderr)))
		}
		if err != nil {
			return 0, err
		}
		r, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err == nil && r <= 0 {
			err = fmt.Errorf("a ratio of %v", r)
		}
		return r, err
	}
}

// progress returns what shows on a terminal what is being done, and what removes that.
func progress() (show func(what string), clear func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func(string) {}, func() {}
	}
	return func(what string) { fmt.Fprintf(os.Stderr, "\r\033[K%s", what) }, func() { fmt.Fprint(os.Stderr, "\r\033[K") }
}

// machine says what a record is of.
func machine(ctx context.Context) string {
	e := environment.Read(ctx)
	return fmt.Sprintf("%s, cores %s", e.CPU, e.Cores)
}

func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	f := strings.Fields(string(b))
	return strings.Join(f[:min(3, len(f))], " ")
}

func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "not known"
	}
	return strings.TrimSpace(string(out))
}
