package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestASoakIsPrintedAsTextAndAsJSON(t *testing.T) {
	needTwoCores(t)
	soak := []string{"perf", "soak", "--for", "80ms", "--round", "20ms", "--rate", "5k"}
	code, out, errOut := corechan(t, soak...)
	if code != exitOK || errOut != "" {
		t.Fatalf("exit code %d, %s", code, errOut)
	}
	for _, s := range []string{"Load over shm", "4 rounds", "from first to last quarter", "memory of the receiver", "response p50"} {
		if !strings.Contains(out, s) {
			t.Errorf("does not print %q:\n%s", s, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\r\t") || strings.Contains(out, " \n") {
		t.Errorf("not plain text: %q", out)
	}
	code, out, errOut = corechan(t, append(soak, "--json", "--out", t.TempDir())...)
	var r struct {
		Sent   int64
		Drifts []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &r); code != exitOK || err != nil || r.Sent == 0 || len(r.Drifts) != 7 {
		t.Errorf("exit code %d, %v, %s: %s", code, err, errOut, out)
	}
	helpSays(t, "perf soak", "--for", "--rate", "--round", "--out", "drift", "Examples:", "Ctrl-C")
	wrong(t, map[string]string{
		"perf soak --for 0s":            "more than 0",
		"perf soak --for 1s --round 1m": "at least one round",
		"perf soak --for 100000h":       "at most",
		"perf soak --rate 0":            "more than 0",
		"perf soak --cores 0,4000":      "no core 4000",
		"perf soak --transport smoke":   "use shm",
		"perf soak --size 0":            "at least 21",
	})
}
