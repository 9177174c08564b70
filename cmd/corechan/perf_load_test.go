package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corechan/corechan/perf/result"
)

// helpSays checks the help of a command.
func helpSays(t *testing.T, command string, says ...string) {
	t.Helper()
	code, out, errOut := corechan(t, append(strings.Fields(command), "--help")...)
	if code != exitOK || errOut != "" {
		t.Errorf("%q: exit code %d, %s", command, code, errOut)
	}
	for _, s := range says {
		if !strings.Contains(out, s) {
			t.Errorf("help of %q does not say %q", command, s)
		}
	}
}

// wrong checks that command lines are refused, each with what it must say.
func wrong(t *testing.T, says map[string]string) {
	t.Helper()
	for command, want := range says {
		code, out, errOut := corechan(t, strings.Fields(command)...)
		if code != exitUsage || out != "" || !strings.Contains(errOut, want) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want it to say %q", command, code, out, errOut, want)
		}
	}
}

func TestHelpOfALoadHasWhatItNeeds(t *testing.T) {
	helpSays(t, "perf", "load")
	helpSays(t, "perf load", "--rate", "--poisson", "--seed", "--senders", "--sessions", "--cores", "--rounds", "--stall", "--out", "--format",
		"response", "service", "Examples:", "rate_asked", "p9999_ns", "benchstat")
	if _, out, _ := corechan(t, "perf", "--help"); strings.Contains(out, "load-peer") {
		t.Error("help gives away the second process")
	}
}

func TestWrongLoadsAreExplained(t *testing.T) {
	wrong(t, map[string]string{
		"perf load":                                      "--rate 100k",
		"perf load --rate 0":                             "more than 0",
		"perf load --rate soon":                          "100k or 1.5M",
		"perf load --rate 5G":                            "100k or 1.5M",
		"perf load --rate 2000M":                         "no machine keeps",
		"perf load --rate NaN":                           "more than 0",
		"perf load --rate 1k --size 0":                   "at least 21",
		"perf load --rate 1k --size 1000000":             "--ring",
		"perf load --rate 1k --cores 0,4000":             "no core 4000",
		"perf load --rate 1k --cores 0":                  "give 2",
		"perf load --rate 1k --cores 0,0":                "different cores",
		"perf load --rate 1k --cores none":               "0,1",
		"perf load --rate 1k --rounds 0":                 "at least 1",
		"perf load --rate 1k --round 0s":                 "at least 10ms",
		"perf load --rate 1k --sessions 0":               "at least 1",
		"perf load --rate 1k --senders 0":                "at least 1",
		"perf load --rate 1k --ring 0":                   "power of two",
		"perf load --rate 1k --format xml":               "text, json or bench",
		"perf load --rate 1k --format bench --json":      "leave one out",
		"perf load --rate 1k --transport ws --wait spin": "--wait block",
		"perf load --rate 1k --transport bare":           "use shm",
	})
}

func TestASweepIsPrintedAsTextAndAsJSON(t *testing.T) {
	needTwoCores(t)
	sweep := []string{"perf", "load", "--sweep", "1k-4k", "--points", "3", "--warm", "10ms", "--rounds", "1", "--round", "30ms"}
	code, out, errOut := corechan(t, sweep...)
	if code != exitOK || errOut != "" || !strings.Contains(out, "rate asked") || !strings.Contains(out, "1.00 k") {
		t.Errorf("exit code %d, %s: %s", code, errOut, out)
	}
	if strings.ContainsAny(out, "\x1b\r\t") || strings.Contains(out, " \n") {
		t.Errorf("not plain text: %q", out)
	}
	code, out, errOut = corechan(t, append(sweep, "--json", "--out", t.TempDir())...)
	var s struct {
		Points []struct {
			RateAsked float64 `json:"rate_asked"`
			Response  map[string]float64
		}
	}
	if err := json.Unmarshal([]byte(out), &s); code != exitOK || err != nil || len(s.Points) == 0 || s.Points[0].RateAsked != 1000 ||
		s.Points[0].Response["p50_ns"] <= 0 {
		t.Errorf("exit code %d, %v, %s: %s", code, err, errOut, out)
	}
	wrong(t, map[string]string{
		"perf load --sweep 10k":              "10k-1M",
		"perf load --sweep 10k-5k":           "a lower and a higher",
		"perf load --sweep a-b":              "10k-1M",
		"perf load --sweep 1k-2k --rate 1k":  "leave one out",
		"perf load --sweep 1k-2k --points 0": "at least 2",
		"perf load --sweep 1k-2000M":         "no machine keeps",
	})
}

var shortLoad = []string{"perf", "load", "--rate", "20k", "--warm", "10ms", "--rounds", "2", "--round", "50ms"}

func TestALoadIsPrintedAsTextJSONAndBenchmarkLines(t *testing.T) {
	needTwoCores(t)
	dir := t.TempDir()
	code, out, errOut := corechan(t, append(shortLoad, "--out", dir)...)
	if code != exitOK || !strings.Contains(errOut, "Written to "+dir) {
		t.Fatalf("exit code %d, %s", code, errOut)
	}
	for _, s := range []string{"Load over shm: 20.00 k per second, 64 bytes typed, spin, 1 session, cores", "response", "service", "p99", "max", "rounds"} {
		if !strings.Contains(out, s) {
			t.Errorf("does not print %q:\n%s", s, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\r\t") || strings.Contains(out, " \n") {
		t.Errorf("not plain text: %q", out)
	}
	all, err := result.ReadAll(dir)
	if err != nil || len(all) != 1 || all[0].Kind != "load" || all[0].Config["rate"] != "20000" {
		t.Fatalf("%+v, %v", all, err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 1 || strings.Contains(names[0], ".noisy") != all[0].Noisy() {
		t.Errorf("%v, %d marks, %v", names, len(all[0].Marks), err)
	}
	for times, want := range map[string]int{"response": exitOK, "service": exitOK, "flight": exitUsage} {
		code, out, errOut := corechan(t, "perf", "export", dir, "--as", "hgrm", "--times", times)
		if code != want || want == exitOK && !strings.Contains(out, "1/(1-Percentile)") || want != exitOK && !strings.Contains(errOut, `"service"`) {
			t.Errorf("%s: exit code %d, %s", times, code, errOut)
		}
	}
	code, out, errOut = corechan(t, append(shortLoad, "--json", "--poisson", "--seed", "5", "--transport", "inmem")...)
	var r struct {
		Poisson  bool
		Seed     int
		Sent     int64
		Response map[string]float64
	}
	if err := json.Unmarshal([]byte(out), &r); code != exitOK || err != nil || !r.Poisson || r.Seed != 5 || r.Sent == 0 || r.Response["p50_ns"] <= 0 {
		t.Errorf("exit code %d, %v, %s: %s", code, err, errOut, out)
	}
	code, out, errOut = corechan(t, append(shortLoad, "--format", "bench")...)
	if code != exitOK || !strings.Contains(out, "BenchmarkLoad/shm/") {
		t.Errorf("exit code %d, %s: %s", code, errOut, out)
	}
}

func TestCtrlCKeepsWhatALoadHasMeasured(t *testing.T) {
	needTwoCores(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	dir := t.TempDir()
	terminal := &cancelling{cancel: cancel}
	a := &app{ctx: ctx, stdout: &out, stderr: terminal, progress: true}
	code := a.run([]string{"perf", "load", "--rate", "1k", "--warm", "0s", "--rounds", "100000", "--round", "50ms", "--json", "--out", dir})
	var r struct {
		Sent        int64
		Interrupted bool
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || code != exitInterrupted || !r.Interrupted || r.Sent == 0 {
		t.Errorf("exit code %d, %+v, %v, %s", code, r, err, &terminal.Buffer)
	}
	all, err := result.ReadAll(dir)
	if err != nil || len(all) != 1 || !all[0].Interrupted {
		t.Errorf("%v, %v", all, err)
	}
}

// A full disk is noticed, said, and leaves nothing behind; what was measured is printed all the same.
func TestAFullDiskIsSaid(t *testing.T) {
	needTwoCores(t)
	code, out, errOut := corechan(t, append(shortLoad, "--out", "/dev/full/x")...)
	if code != exitFailure || out != "" || !strings.Contains(errOut, "/dev/full/x") {
		t.Errorf("exit code %d, %s%s", code, out, errOut)
	}
	dir := tinyDisk(t)
	code, out, errOut = corechan(t, append(shortLoad, "--out", dir)...)
	if code != exitFailure || !strings.Contains(out, "p99") || !strings.Contains(errOut, "no space left on device; make room there") {
		t.Errorf("exit code %d, %s%s", code, out, errOut)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
