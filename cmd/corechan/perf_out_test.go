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
	for _, command := range []string{"pingpong", "stream", "call", "fd", "stream --kind bytes --bytes 1000000"} {
		args := append([]string{"perf"}, strings.Fields(command)...)
		if !strings.Contains(command, "--bytes") {
			args = append(args, "--count", "503")
		}
		code, _, errOut := corechan(t, append(args, "--out", dir)...)
		if code != exitOK || !strings.Contains(errOut, "Written to "+dir) {
			t.Errorf("%s: exit code %d, %s", command, code, errOut)
		}
	}
	all, err := result.ReadAll(dir)
	if err != nil || len(all) != 5 {
		t.Errorf("%d results, %v", len(all), err)
	}
	code, out, errOut := corechan(t, "perf", "pingpong", "--count", "503", "--out", filepath.Join(dir, "no/such/folder.json"))
	if code != exitFailure || out != "" || !strings.Contains(errOut, "make the folder") {
		t.Errorf("exit code %d, %s%s", code, out, errOut)
	}
}
