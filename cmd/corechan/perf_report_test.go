package main

import (
	"os"
	"strings"
	"testing"
)

func TestAPageIsMadeOfResults(t *testing.T) {
	a, b, dir := keep(t, 1, 2, 3, 4), keep(t, 2, 3, 4, 5), t.TempDir()
	page := dir + "/page.html"
	code, out, errOut := corechan(t, "perf", "report", a, b, "-o", page, "--title", "Before & after")
	if code != exitOK || out != "" || !strings.Contains(errOut, page) {
		t.Fatalf("exit code %d, %s%s", code, out, errOut)
	}
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), "<h1>Before &amp; after</h1>") || !strings.Contains(string(text), "<h2>Comparison") {
		t.Errorf("%v: %d bytes", err, len(text))
	}
	if code, out, errOut := corechan(t, "perf", "report", a, "-o", "-"); code != exitOK || !strings.HasPrefix(out, "<!doctype html>") || errOut != "" {
		t.Errorf("exit code %d, %s", code, errOut)
	}
	if err := os.WriteFile(dir+"/bad.pprof", []byte{0x1f, 0x8b, 0}, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{a}, exitUsage, "output"},
		{[]string{dir + "/none.json", "-o", page}, exitFailure, "no such file"},
		{[]string{dir + "/bad.pprof", "-o", page}, exitFailure, "bad.pprof: unpack the profile"},
		{[]string{a, "-o", dir + "/no/such/page.html"}, exitFailure, "no such file"},
	} {
		code, _, errOut := corechan(t, append([]string{"perf", "report"}, test.args...)...)
		if code != test.code || !strings.Contains(errOut, test.says) {
			t.Errorf("%v: exit code %d, %q does not say %q", test.args, code, errOut, test.says)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
