package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// A record is what was measured once, and is compared with: the file recorded.json.
type record struct {
	Machine string   `json:"machine"`
	Commit  string   `json:"commit"`
	When    string   `json:"when"`
	Load    string   `json:"load"` // of the machine before, as /proc/loadavg has it
	Seconds float64  `json:"seconds_a_round"`
	Figures []ratios `json:"figures"`
}

// ratios are a figure's rounds.
type ratios struct {
	Name   string    `json:"name"`
	Ratio  float64   `json:"ratio"` // their median
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`
	Rounds []float64 `json:"rounds"`
	Noisy  int       `json:"disturbed_rounds,omitempty"` // of them: others came in the way
}

func newRatios(name string, rounds []float64) ratios {
	return ratios{Name: name, Ratio: median(rounds), Least: slices.Min(rounds), Most: slices.Max(rounds), Rounds: rounds}
}

// of returns the ratios of a figure.
func (r *record) of(name string) (*ratios, bool) {
	i := slices.IndexFunc(r.Figures, func(f ratios) bool { return f.Name == name })
	if i < 0 {
		return nil, false
	}
	return &r.Figures[i], true
}

// errRecord reports a record that cannot be used.
var errRecord = errors.New("cannot use the record")

// readRecord reads and checks a record. What it says is believed as far as it can be a measurement.
func readRecord(path string) (*record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; run this in the repository, name it with --file, or make one with --record", errRecord, err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%w %s: %w; make a new one with --record", errRecord, path, err)
	}
	for _, f := range r.Figures {
		if len(f.Rounds) == 0 || slices.Min(f.Rounds) <= 0 || f.Ratio <= 0 {
			return nil, fmt.Errorf("%w %s: the ratios of %q are no ratios; make a new one with --record", errRecord, path, f.Name)
		}
	}
	return &r, nil
}

// write writes the record whole or not at all.
func (r *record) write(path string) error {
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
