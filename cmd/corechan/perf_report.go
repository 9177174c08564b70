package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/report"
	"github.com/corechan/corechan/perf/result"
)

type reportCmd struct {
	Files  []string `arg:"" help:"Results, folders of them, and CPU profiles (--cpuprofile), which become flame graphs."`
	Output string   `short:"o" required:"" placeholder:"FILE" help:"Where to write the page. - is standard output."`
	Title  string   `placeholder:"TEXT" help:"The page's title. Default: corechan perf."`
}

// Help is the long help.
func (reportCmd) Help() string {
	return `Writes one HTML file that needs no other: what disturbed the measurements first, then their figures, percentile curves, how
times went, how far the repeats are apart, how each result differs from the first one, flame graphs of the profiles, and the machine. It
can be mailed, put on any web server, or opened from disk; nothing is fetched.

Examples:

  corechan perf pingpong --runs 5 --out results/
  corechan perf call --runs 5 --out results/ --cpuprofile cpu.pprof
  corechan perf report results/ cpu.pprof cpu.peer.pprof -o report.html`
}

// Run writes the page.
func (r *reportCmd) Run(a *app) error {
	in := report.Input{Title: r.Title, Now: time.Now()}
	for _, path := range r.Files {
		if err := add(&in, path); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	if len(in.Results) == 0 {
		return fmt.Errorf("%w: no result is given, only profiles; measure with --out, and give that file too", perf.ErrConfig)
	}
	if r.Output == "-" {
		return report.Write(a.stdout, in)
	}
	if err := writeWhole(r.Output, func(w io.Writer) error { return report.Write(w, in) }); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	fmt.Fprintf(a.stderr, "Written to %s\n", r.Output)
	return nil
}

// add reads what is at a path: a folder, a result or a profile.
func add(in *report.Input, path string) error {
	begin := make([]byte, 2)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.ReadFull(f, begin); err == nil && report.IsProfile(begin) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		p, err := report.ReadProfile(f)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		in.Profiles = append(in.Profiles, report.Profile{Name: filepath.Base(path), Profile: p})
		return nil
	}
	all, err := result.ReadAll(path)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(path), ".json")
	for i, one := range all {
		in.Results = append(in.Results, report.Named{Name: name, Result: one})
		if len(all) > 1 {
			in.Results[len(in.Results)-1].Name = fmt.Sprintf("%s %d", one.Kind, i+1)
		}
	}
	return nil
}

// writeWhole writes a file so that a reader sees all of it or nothing.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".corechan-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = errors.Join(f.Chmod(0o644), write(f), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
