package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/corechan/corechan/perf/coremap"
)

func TestCoresArePrintedAsTextAndAsJSON(t *testing.T) {
	needTwoCores(t)
	code, out, errOut := corechan(t, "perf", "cores", "--trips", "50", "--rounds", "3")
	if code != exitOK || errOut != "" {
		t.Fatalf("exit code %d, %s", code, errOut)
	}
	for _, s := range []string{"between two cores", "median of 3 slices", "core", "Nearest", "Farthest", "░░"} {
		if !strings.Contains(out, s) {
			t.Errorf("does not print %q:\n%s", s, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\r\t") || strings.Contains(out, " \n") {
		t.Errorf("not plain text: %q", out)
	}
	dir := t.TempDir()
	code, out, errOut = corechan(t, "perf", "cores", "--trips", "50", "--rounds", "1", "--json", "--out", dir)
	var m struct {
		Cores []int
		P50Ns [][]*float64 `json:"p50_ns"`
	}
	if err := json.Unmarshal([]byte(out), &m); code != exitOK || err != nil || len(m.P50Ns) != len(m.Cores) || *m.P50Ns[0][1] <= 0 || m.P50Ns[0][0] != nil {
		t.Errorf("exit code %d, %v, %s: %s", code, err, errOut, out)
	}
}

func TestCoresAreDrawnByTheirDistance(t *testing.T) {
	ns := func(v float64) coremap.Cell { return &v }
	m := coremap.Map{
		Cores: []int{0, 1, 2, 3}, Siblings: [][]int{{0, 1}}, Rounds: 5,
		P50Ns: [][]coremap.Cell{
			{nil, ns(20), ns(100), ns(400)},
			{ns(20), nil, ns(100), ns(400)},
			{ns(100), ns(100), nil, ns(40)},
			{ns(400), ns(400), ns(40), nil},
		},
	}
	var out bytes.Buffer
	printCores(&out, &m, false)
	for _, s := range []string{
		"  core    0    1    2    3\n     0    -   20  100  400\n", "     0    ░░▓▓██\n", "     3  ████░░\n", "Nearest: 20 ns. Farthest: 400 ns.",
		"Hyperthreads of one core: 0,1.",
	} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("does not draw %q:\n%s", s, &out)
		}
	}
	out.Reset()
	printCores(&out, &m, true)
	if !strings.Contains(out.String(), "\x1b[48;5;27m") || !strings.Contains(out.String(), "\x1b[48;5;196m") {
		t.Errorf("no colours: %q", &out)
	}
	m.Cores, m.P50Ns = m.Cores[:2], m.P50Ns[:2]
	m.P50Ns[0], m.P50Ns[1] = m.P50Ns[0][:2], m.P50Ns[1][:2]
	printCores(&out, &m, false) // all alike
}

func TestHelpAndWrongUseOfCores(t *testing.T) {
	helpSays(t, "perf cores", "--cores", "--rounds", "--json", "--out", "p50_ns", "Examples:", "colours")
	wrong(t, map[string]string{
		"perf cores --cores 0":       "two or more",
		"perf cores --cores 0,4000":  "no core 4000",
		"perf cores --cores x":       "0,1",
		"perf cores --trips 0":       "at least 1",
		"perf cores --rounds 0":      "at least 1",
		"perf cores --rounds 100000": "1 to 1000",
	})
}
