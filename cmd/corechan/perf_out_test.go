package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/corechan/corechan/perf/result"
)

func TestAMeasurementCanBeKept(t *testing.T) {
	needTwoCores(t)
	dir := t.TempDir()
	for command, says := range map[string]string{
		"pingpong --count 53 --transport inmem --wait block":                "p50",
		"stream --count 53 --transport inmem --wait block --json":           `"msgs_per_s"`,
		"pingpong --count 53 --transport inmem --wait block --format bench": "BenchmarkPingpong/inmem/",
	} {
		code, out, errOut := corechan(t, append(append([]string{"perf"}, strings.Fields(command)...), "--out", dir)...)
		if code != exitOK || !strings.Contains(errOut, "Written to "+dir) || !strings.Contains(out, says) {
			t.Errorf("%s: exit code %d, %s%s", command, code, out, errOut)
		}
		if disturbed := strings.Contains(errOut, ".noisy"); says == "p50" && disturbed != strings.Contains(out, "Noisy (") {
			t.Errorf("%s: is it noisy? %s%s", command, out, errOut)
		}
	}
	all, err := result.ReadAll(dir)
	if err != nil || len(all) != 3 {
		t.Errorf("%d results, %v", len(all), err)
	}
	code, out, errOut := corechan(t, "perf", "pingpong", "--count", "503", "--out", filepath.Join(dir, "no/such/folder.json"))
	if code != exitFailure || out != "" || !strings.Contains(errOut, "make the folder") {
		t.Errorf("exit code %d, %s%s", code, out, errOut)
	}
}
