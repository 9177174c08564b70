package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/perf"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "perf" && os.Args[2] == "peer" {
		exitWith(perf.ServePeer(context.Background()))
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// fake is a figure whose rounds are given.
func fake(name string, high bool, rounds ...float64) figure {
	i := 0
	return figure{name, "pingpong", high, func(context.Context, float64) (round, error) {
		if i == len(rounds) {
			return round{}, errors.New("no more rounds")
		}
		i++
		return round{rounds[i-1], i%2 == 0}, nil
	}}
}

func guardOf(recorded *record, figures ...figure) *guard {
	return &guard{figures: figures, recorded: recorded, progress: func(string) {}}
}

var steady = []float64{2, 2.05, 1.95, 2.1, 1.9, 2, 2.02, 1.98, 2.03, 1.97, 2, 2.04, 1.96, 2.01, 1.99}

func scaled(by float64) []float64 {
	all := make([]float64, len(steady))
	for i, v := range steady {
		all[i] = v * by
	}
	return all
}

func TestTheGuardMeasuresOnWhileThereIsDoubt(t *testing.T) {
	recorded := &record{Figures: []ratios{newRatios("a", steady), newRatios("b", steady), newRatios("c", steady)}}
	g := guardOf(recorded,
		fake("a", false, 2.2), fake("b", false, 9, 8, 2.5), fake("c", false, 9, 8, 7, 6, 5), fake("unknown", false, 1))
	all, err := g.loose(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		rounds int
		failed bool
	}{{1, false}, {3, false}, {5, true}, {1, false}} {
		if v := all[i]; len(v.Rounds) != want.rounds || v.Failed != want.failed || v.Noisy != want.rounds/2 {
			t.Errorf("%s: %d rounds, failed %v", v.Name, len(v.Rounds), v.Failed)
		}
	}
	if !failed(all) || failed(all[:2]) {
		t.Error("failed is not what the verdicts are")
	}
	var b bytes.Buffer
	if err := printVerdicts(&b, all, "recorded"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SLOWER: corechan perf pingpong", "not recorded", "3.50 x"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, &b)
		}
	}
}

func TestStrictFindsAnInjectedSlowdown(t *testing.T) {
	recorded := &record{Figures: []ratios{newRatios("a", steady), newRatios("b", steady), newRatios("c", steady), newRatios("d", steady)}}
	g := guardOf(recorded, fake("a", false, scaled(1.3)...), fake("b", false, scaled(1.05)...), fake("c", true, scaled(1/1.3)...),
		fake("d", true, scaled(1.3)...))
	all, err := g.strict(t.Context(), len(steady))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, true, false} {
		if all[i].Failed != want {
			t.Errorf("%s: failed is %v, worse by %.2f", all[i].Name, all[i].Failed, all[i].Worse)
		}
	}
}

func TestStrictWithABaseComparesWithThatAlone(t *testing.T) {
	g := guardOf(&record{Figures: []ratios{newRatios("a", scaled(0.5))}}, fake("a", false, steady...))
	base, i := scaled(1.01), 0
	g.base = func(context.Context, *figure) (float64, error) {
		i++
		return base[i-1], nil
	}
	all, err := g.strict(t.Context(), len(steady))
	if err != nil {
		t.Fatal(err)
	}
	if i != len(steady) || all[0].Failed || all[0].Worse > 1 {
		t.Errorf("%d rounds of the base; %+v", i, all[0])
	}
}

func TestAMeasurementThatFailsIsAnError(t *testing.T) {
	recorded := &record{Figures: []ratios{newRatios("a", steady)}}
	if all, err := guardOf(recorded, fake("a", false, 2), fake("b", false)).loose(t.Context()); err == nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if all, err := guardOf(recorded, fake("a", false, 2)).strict(t.Context(), 2); err == nil || all != nil {
		t.Errorf("%v, %v", all, err)
	}
}

func TestRecordsAreCheckedAndReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recorded.json")
	want := &record{Machine: "m", Commit: "c", Figures: []ratios{newRatios("a", steady)}}
	if err := want.write(path); err != nil {
		t.Fatal(err)
	}
	got, err := readRecord(path)
	if err != nil || got.Figures[0].Ratio != 2 || got.Figures[0].Least != 1.9 || got.Figures[0].Most != 2.1 {
		t.Errorf("%+v, %v", got, err)
	}
	for name, text := range map[string]string{
		"no JSON": "{", "no rounds": `{"figures":[{"name":"a","ratio":1}]}`, "a ratio of 0": `{"figures":[{"name":"a","ratio":1,"rounds":[1,0]}]}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readRecord(path); !errors.Is(err, errRecord) || !strings.Contains(err.Error(), "--record") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readRecord(path + "x"); !errors.Is(err, errRecord) {
		t.Errorf("no file: %v", err)
	}
	if err := want.write(filepath.Join(path, "x")); err == nil {
		t.Error("written where there is no folder")
	}
}

func TestTheCommittedRecordHasEveryFigure(t *testing.T) {
	r, err := readRecord("recorded.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures() {
		if one, ok := r.of(f.name); !ok || len(one.Rounds) < fewest {
			t.Errorf("%s is not recorded, or in too few rounds", f.name)
		}
	}
	if len(r.Figures) != len(figures()) {
		t.Errorf("%d figures are recorded, there are %d", len(r.Figures), len(figures()))
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	good := flags{Seconds: 1, Rounds: 15, Repeat: 1, File: "recorded.json"}
	for name, spoil := range map[string]func(*flags){
		"seconds": func(f *flags) { f.Seconds = 0 }, "rounds": func(f *flags) { f.Rounds = 4 }, "repeat": func(f *flags) { f.Repeat = 0 },
		"base": func(f *flags) { f.Base = "x" }, "both": func(f *flags) { f.Record, f.Strict = true, true },
		"only": func(f *flags) { f.Only = "(" }, "nothing": func(f *flags) { f.Only = "nothing like it" },
		"figure": func(f *flags) { f.Measure = "nothing like it" }, "file": func(f *flags) { f.File = "/nowhere" },
	} {
		f := good
		spoil(&f)
		if err := f.run(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
