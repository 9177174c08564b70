package main

import (
	"strings"
	"testing"
)

func TestResultsAreExported(t *testing.T) {
	good := keep(t, 1, 2, 3)
	for _, test := range []struct {
		args string
		code int
		says string
	}{
		{good + " --as bench", exitOK, "BenchmarkPingpong/shm/size=64/wait=spin 1 3 p50-ns 1.3 ratio"},
		{good + " --as poem", exitUsage, "bench, hgrm or hlog"},
		{good + " " + good + " --as hgrm", exitUsage, "there are 2"},
		{good + " --as hgrm", exitFailure, "no subject of it has times"},
		{good + " --as hlog", exitFailure, "no subject has times"},
		{t.TempDir() + "/none --as bench", exitFailure, "no such file"},
		{good, exitUsage, "--as"},
	} {
		code, out, errOut := corechan(t, append([]string{"perf", "export"}, strings.Fields(test.args)...)...)
		if code != test.code || !strings.Contains(out+errOut, test.says) {
			t.Errorf("%s: exit code %d, %q, %q does not say %q", test.args, code, out, errOut, test.says)
		}
	}
}
