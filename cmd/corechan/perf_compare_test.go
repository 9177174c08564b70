package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/corechan/corechan/perf/compare"
	"github.com/corechan/corechan/perf/result"
)

// keep writes a result with these times, and returns its file.
func keep(t *testing.T, runs ...float64) string {
	t.Helper()
	path, err := result.Write(t.TempDir()+"/a.json", &result.Result{
		Kind: "pingpong", Config: map[string]string{"size": "64", "wait": "spin"},
		Subjects: []result.Subject{{
			Name: "shm", Role: result.System,
			Figures: []result.Figure{
				result.NewFigure("p50", result.Nanoseconds, result.Lower, runs...),
				result.NewFigure(result.FigureRatio, result.None, result.Lower, 1.1, 1.2, 1.3, 1.2),
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatChangedIsSaidByWordsAndByTheExitCode(t *testing.T) {
	fast, slow, once := keep(t, 200, 210, 205, 207), keep(t, 300, 310, 305, 307), keep(t, 200)
	for _, test := range []struct {
		a, b string
		code int
		says []string
	}{
		{fast, slow, int(exitWorse), []string{"+48.5 %", "0.029", "worse", "206 ns", "4+4", "1 worse, 0 better, 1 the same"}},
		{slow, fast, exitOK, []string{"-32.7 %", "better"}},
		{fast, fast, exitOK, []string{"same within noise"}},
		{once, once, exitOK, []string{"undecided", "--runs 10"}}, // the ratio has four runs
	} {
		code, out, errOut := corechan(t, "perf", "compare", test.a, test.b)
		if code != test.code || errOut != "" {
			t.Errorf("exit code %d, want %d: %s", code, test.code, errOut)
		}
		for _, s := range test.says {
			if !strings.Contains(out, s) {
				t.Errorf("does not say %q:\n%s", s, out)
			}
		}
	}
	code, out, _ := corechan(t, "perf", "compare", fast, slow, "--json")
	var got compare.Comparison
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != int(exitWorse) || got.Worse != 1 || len(got.Pairs) != 1 {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	other, err := result.ReadFile(fast)
	if err != nil {
		t.Fatal(err)
	}
	other.Kind = "stream"
	path, err := result.Write(t.TempDir(), other)
	if err != nil {
		t.Fatal(err)
	}
	if code, out, _ := corechan(t, "perf", "compare", fast, path); code != int(exitUndecided) || !strings.Contains(out, "Only A measured") {
		t.Errorf("nothing in common: exit code %d, %s", code, out)
	}
}

func TestWhatCannotBeComparedIsExplained(t *testing.T) {
	good, dir := keep(t, 1, 2, 3, 4), t.TempDir()
	if err := os.WriteFile(dir+"/bad.json", []byte(`{"hello": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args string
		code int
		says string
	}{
		{good, exitUsage, "<b>"},
		{good + " " + dir + "/none.json", exitFailure, "no such file"},
		{good + " " + dir, exitFailure, "bad.json: not a result of corechan perf"},
		{good + " " + t.TempDir(), exitFailure, "--out"},
		{good + " " + good + " --alpha 2", exitUsage, "less than 1"},
		{good + " " + good + " --alpha NaN", exitUsage, "less than 1"},
		{good + " " + good + " --least=-1", exitUsage, "0 or more"},
	} {
		code, out, errOut := corechan(t, append([]string{"perf", "compare"}, strings.Fields(test.args)...)...)
		if code != test.code || out != "" || !strings.Contains(errOut, test.says) {
			t.Errorf("%s: exit code %d, %q, %q does not say %q", test.args, code, out, errOut, test.says)
		}
	}
}
