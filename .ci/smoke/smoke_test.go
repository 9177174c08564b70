// Package smoke runs the built corechan as a script would, in all forms of its perf commands, and
// holds the output against what scripts may rely on. It looks at no figure but for sense: figures
// are for a quiet machine.
package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var corechan string // the binary, set once by TestMain

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "corechan-smoke-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	corechan = filepath.Join(dir, "corechan")
	build := exec.Command("go", "build", "-o", corechan, "github.com/corechan/corechan/cmd/corechan")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, build, err)
		return 1
	}
	return m.Run()
}

// start runs corechan to its end, which is bounded.
func start(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, corechan, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("corechan %s did not end in a minute; stderr:\n%s", strings.Join(args, " "), &errOut)
	}
	return out.String(), errOut.String(), err
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, err := start(t, args...)
	if err != nil {
		t.Fatalf("corechan %s: %v\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), err, stdout, stderr)
	}
	return stdout
}

func needTwoCores(t *testing.T) {
	t.Helper()
	if runtime.NumCPU() < 2 {
		t.Skip("perf needs two cores")
	}
}

// The fields of a result that scripts rely on, beside those that repeat the flags.
var (
	pingpongNumbers = strings.Fields("count mean_ns p50_ns p90_ns p99_ns p999_ns max_ns allocs_per_op limit_p50_ns ratio_p50")
	callNumbers     = append(slices.Clone(pingpongNumbers), "calls_per_s")
	streamNumbers   = strings.Fields("seconds msgs_per_s bytes_per_s allocs_per_op limit_msgs_per_s limit_bytes_per_s ratio")
)

func TestEveryFormOfPingpongGivesItsFields(t *testing.T) {
	needTwoCores(t)
	everyForm(t, "pingpong", 64, 2000, func(t *testing.T, got map[string]any) {
		checkTrips(t, got, pingpongNumbers)
	})
}

// checkTrips checks what all measurements of round trips print.
func checkTrips(t *testing.T, got map[string]any, fields []string) {
	t.Helper()
	n := numbers(t, got, fields)
	rising := []float64{n["p50_ns"], n["p90_ns"], n["p99_ns"], n["p999_ns"], n["max_ns"]}
	if !slices.IsSorted(rising) {
		t.Errorf("percentiles fall: %v", rising)
	}
	if cores, has := got["cores"]; !has || cores == "" {
		t.Errorf("cores is %v", cores)
	}
}

func TestEveryFormOfCallGivesItsFields(t *testing.T) {
	needTwoCores(t)
	for _, transport := range []string{"shm", "inmem"} {
		for _, wait := range []string{"spin", "hybrid", "block"} {
			for _, inflight := range []string{"1", "64"} {
				t.Run(transport+" "+wait+" inflight="+inflight, func(t *testing.T) {
					got := object(t, mustRun(t, "perf", "call", "--transport", transport, "--wait", wait,
						"--inflight", inflight, "--count", "2000", "--json"))
					checkTrips(t, got, callNumbers)
					wantFields(t, got, map[string]any{"transport": transport, "wait": wait, "mode": "typed", "size": 64.0})
					if ratio, _ := got["ratio_calls"].(float64); ratio > 0 != (inflight != "1") {
						t.Errorf("ratio_calls is %v with %s in flight", ratio, inflight)
					}
				})
			}
		}
	}
}

func TestEveryFormOfFdGivesItsFields(t *testing.T) {
	needTwoCores(t)
	for _, args := range [][]string{nil, {"--wait", "block"}, {"--wait", "spin"}, {"--wait", "hybrid"}, {"--size", "4096"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			got := object(t, mustRun(t, append([]string{"perf", "fd", "--count", "2000", "--json"}, args...)...))
			checkTrips(t, got, pingpongNumbers)
			if args == nil {
				wantFields(t, got, map[string]any{"transport": "shm", "wait": "block", "mode": "typed", "size": 64.0})
			}
		})
	}
}

func TestEveryFormOfAByteStreamGivesItsFields(t *testing.T) {
	needTwoCores(t)
	for _, transport := range []string{"shm", "inmem"} {
		for _, wait := range []string{"spin", "hybrid", "block"} {
			t.Run(transport+" "+wait, func(t *testing.T) {
				got := object(t, mustRun(t, "perf", "stream", "--kind", "bytes", "--transport", transport, "--wait", wait,
					"--bytes", "33554432", "--json"))
				numbers(t, got, streamNumbers)
				wantFields(t, got, map[string]any{
					"transport": transport, "wait": wait, "kind": "bytes", "size": 65536.0, "count": 512.0,
				})
			})
		}
	}
}

func wantFields(t *testing.T, got, want map[string]any) {
	t.Helper()
	for field, v := range want {
		if got[field] != v {
			t.Errorf("%s is %v, want %v", field, got[field], v)
		}
	}
}

func TestEveryFormOfStreamGivesItsFields(t *testing.T) {
	needTwoCores(t)
	for _, size := range []int{64, 65536} {
		everyForm(t, "stream", size, 20_000, func(t *testing.T, got map[string]any) {
			numbers(t, got, streamNumbers)
		})
	}
}

// everyForm runs a perf command with each combination of its choices.
func everyForm(t *testing.T, command string, size, count int, check func(*testing.T, map[string]any)) {
	for _, transport := range []string{"shm", "inmem"} {
		for _, wait := range []string{"spin", "hybrid", "block"} {
			for _, mode := range []string{"typed", "raw"} {
				for _, lane := range []bool{false, true} {
					name := fmt.Sprintf("%s %d B %s lane=%t", transport, size, wait+" "+mode, lane)
					t.Run(name, func(t *testing.T) {
						args := []string{
							"perf", command, "--transport", transport, "--wait", wait, "--mode", mode,
							"--size", strconv.Itoa(size), "--count", strconv.Itoa(count), "--json",
						}
						if lane {
							args = append(args, "--lane")
						}
						got := object(t, mustRun(t, args...))
						wantFields(t, got, map[string]any{
							"transport": transport, "wait": wait, "mode": mode, "size": float64(size),
						})
						check(t, got)
					})
				}
			}
		}
	}
}

// object is the one JSON object that a command printed.
func object(t *testing.T, out string) map[string]any {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("not one JSON object: %v\n%s", err, out)
	}
	return got
}

// numbers are fields that must be numbers, and above 0 but for the allocations.
func numbers(t *testing.T, got map[string]any, fields []string) map[string]float64 {
	t.Helper()
	n := map[string]float64{}
	for _, f := range fields {
		v, isNumber := got[f].(float64)
		if !isNumber || v < 0 || v == 0 && f != "allocs_per_op" {
			t.Errorf("%s is %v, want a number above 0", f, got[f])
		}
		n[f] = v
	}
	return n
}

func TestAPipeGetsPlainText(t *testing.T) {
	commands := [][]string{{"doctor"}}
	if runtime.NumCPU() >= 2 {
		for _, c := range []string{"pingpong", "stream", "call", "fd"} {
			commands = append(commands, []string{"perf", c, "--count", "1000"})
		}
		commands = append(commands, []string{"perf", "stream", "--kind", "bytes", "--bytes", "10000000"})
	}
	for _, args := range commands {
		out := mustRun(t, args...)
		if out == "" || strings.ContainsAny(out, "\x1b\r") {
			t.Errorf("corechan %s printed %q", strings.Join(args, " "), out)
		}
	}
}

func TestDoctorPrintsJSON(t *testing.T) {
	out := mustRun(t, "doctor", "--json")
	if !json.Valid([]byte(out)) || !strings.Contains(out, `"memfd seals"`) {
		t.Errorf("printed %s", out)
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	perfFlags := strings.Fields("--transport --size --count --seconds --wait --cores --mode --lane --json")
	for _, tt := range []struct {
		command []string
		names   []string
	}{
		{nil, []string{"perf", "doctor"}},
		{[]string{"perf"}, []string{"pingpong", "stream", "call", "fd"}},
		{[]string{"perf", "pingpong"}, perfFlags},
		{[]string{"perf", "stream"}, append(strings.Fields("--kind --bytes"), perfFlags...)},
		{[]string{"perf", "call"}, strings.Fields("--transport --size --count --seconds --wait --cores --inflight --json")},
		{[]string{"perf", "fd"}, strings.Fields("--size --count --seconds --wait --cores --json")},
		{[]string{"doctor"}, []string{"--json"}},
	} {
		out := mustRun(t, append(tt.command, "--help")...)
		for _, name := range tt.names {
			if !strings.Contains(out, name) {
				t.Errorf("help of corechan %s does not name %s", strings.Join(tt.command, " "), name)
			}
		}
	}
}

func TestWrongFlagsAreRefusedInAFewWords(t *testing.T) {
	for _, args := range [][]string{
		{"perf", "pingpong", "--wait", "never"},
		{"perf", "pingpong", "--transport", "pigeon"},
		{"perf", "stream", "--mode", "odd"},
		{"perf", "stream", "--size", "-1"},
		{"perf", "stream", "--kind", "odd"},
		{"perf", "call", "--inflight", "0"},
		{"perf", "fd", "--lane"},
		{"perf", "pingpong", "--cores", "0,100000"},
		{"nonsense"},
	} {
		_, stderr, err := start(t, args...)
		if err == nil {
			t.Errorf("corechan %s was accepted", strings.Join(args, " "))
		}
		if stderr == "" || strings.Contains(stderr, "goroutine ") {
			t.Errorf("corechan %s said %q", strings.Join(args, " "), stderr)
		}
	}
}
