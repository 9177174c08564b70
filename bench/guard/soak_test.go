package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSoakStrictCatchesARealDelay builds two guards: one as it is, and one whose far side thinks, before it answers, for a third of a round
// trip more. The strict guard has to find that, beside the first, and nothing beside itself.
func TestSoakStrictCatchesARealDelay(t *testing.T) {
	if os.Getenv("CORECHAN_SOAK") == "" {
		t.Skip("set CORECHAN_SOAK=1; it builds two programs and measures for half a minute")
	}
	const only = "round trip, spin, typed"
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	build(t, good)
	out, err := exec.CommandContext(t.Context(), good, "--measure", only).CombinedOutput()
	if err != nil {
		t.Skipf("no round trips here: %v: %s", err, out)
	}
	slow := filepath.Join(dir, "slow")
	build(t, slow, "-overlay", overlay(t, dir, 200*time.Nanosecond))
	strict := func(program, base string) (string, error) {
		out, err := exec.CommandContext(t.Context(), program, "--strict", "--base", base, "--only", only,
			"--rounds", "12", "--seconds", "0.15").CombinedOutput()
		return string(out), err
	}
	if out, err := strict(slow, good); err == nil || !strings.Contains(out, "SLOWER") {
		t.Errorf("the delay was not found: %v\n%s", err, out)
	}
	if out, err := strict(good, good); err != nil {
		t.Errorf("the same build is slower than itself: %v\n%s", err, out)
	}
}

func build(t *testing.T, program string, flags ...string) {
	t.Helper()
	args := append(append([]string{"build", "-o", program}, flags...), ".")
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// overlay has the far side of perf's typed ping-pong think before each answer.
func overlay(t *testing.T, dir string, delay time.Duration) string {
	t.Helper()
	path, err := filepath.Abs("../../perf/typed.go")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const answer = "if err := h.tx.Send(ctx, &h.in); err != nil {"
	if strings.Count(string(source), answer) != 1 {
		t.Fatalf("%s no longer has the line %q, before which the delay goes", path, answer)
	}
	changed := strings.Replace(string(source), answer, fmt.Sprintf("h.clock.Think(%d)\n%s", delay, answer), 1)
	replaced := filepath.Join(dir, "typed.go")
	if err := os.WriteFile(replaced, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{path: replaced}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
