package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/corechan/corechan/perf/result"
)

func TestAMatrixIsPrintedAsTextAndAsJSON(t *testing.T) {
	needTwoCores(t)
	dir := t.TempDir()
	args := []string{"perf", "matrix", "--sessions", "1,2", "--repeats", "1", "--time", "20ms", "--out", dir}
	code, out, errOut := corechan(t, args...)
	if code != exitOK || !strings.Contains(errOut, "Written to "+dir) {
		t.Fatalf("exit code %d, %s", code, errOut)
	}
	for _, s := range []string{"transport", "sessions", "ratio", "spread", "spin", "medians of 1 repeats, order by seed 1"} {
		if !strings.Contains(out, s) {
			t.Errorf("does not print %q:\n%s", s, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\r\t") || strings.Contains(out, " \n") {
		t.Errorf("not plain text: %q", out)
	}
	if all, err := result.ReadAll(dir); err != nil || len(all) != 1 || len(all[0].Subjects) != 4 {
		t.Errorf("%+v, %v", all, err)
	}
	code, out, errOut = corechan(t, "perf", "matrix", "--transports", "unix,h2", "--repeats", "1", "--time", "20ms", "--json")
	var r struct {
		Cells   []map[string]any
		Skipped []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &r); code != exitOK || err != nil || len(r.Cells) != 1 || r.Cells[0]["ratio"].(float64) <= 0 ||
		len(r.Skipped) != 1 || r.Skipped[0]["why"] == "" {
		t.Errorf("exit code %d, %v, %s: %s", code, err, errOut, out)
	}
}

func TestHelpAndWrongUseOfAMatrix(t *testing.T) {
	helpSays(t, "perf matrix", "--transports", "--sizes", "--waits", "--sessions", "--repeats", "--seed", "--out", "spread", "Examples:", "trip_ns")
	wrong(t, map[string]string{
		"perf matrix --transports smoke": "use shm",
		"perf matrix --sizes 64,0":       "at least 21",
		"perf matrix --sizes big":        "sizes",
		"perf matrix --sizes 500000":     "--ring",
		"perf matrix --waits nap":        "spin, hybrid or block",
		"perf matrix --sessions 0":       "at least 1",
		"perf matrix --cores 0,4000":     "no core 4000",
		"perf matrix --repeats 0":        "at least 1",
		"perf matrix --time 0s":          "at least 10ms",
		"perf matrix --transports ws":    "no cell is left",
	})
}
