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

// The transports over sockets, each with the ways to wait that it is measured with, and whether it passes descriptors.
var sockets = []struct {
	name   string
	waits  []string
	passes bool
	limits map[string]string // by the way to wait: the names of what it is held against
}{
	{"unix", []string{"spin", "hybrid", "block"}, true, socketLimits},
	{"tcp", []string{"spin", "hybrid", "block"}, false, socketLimits},
	{"tls", []string{"spin", "hybrid", "block"}, false, nil},
	{"h2", []string{"block"}, false, nil},
	{"ws", []string{"block"}, false, nil},
}

var socketLimits = map[string]string{
	"spin": "polling calls, blocking calls, net.Conn", "hybrid": "polling calls, blocking calls, net.Conn", "block": "blocking calls, net.Conn",
}

func TestEveryTransportOverSocketsGivesItsFields(t *testing.T) {
	needTwoCores(t)
	for _, s := range sockets {
		for _, wait := range s.waits {
			for _, command := range []string{
				"pingpong", "stream", "stream --size 65536 --mode raw", "call", "call --inflight 16", "stream --kind bytes", "fd",
			} {
				if command == "fd" && !s.passes {
					continue
				}
				t.Run(s.name+" "+wait+" "+command, func(t *testing.T) {
					args := append([]string{"perf"}, strings.Fields(command)...)
					args = append(args, "--transport", s.name, "--wait", wait, "--json")
					if strings.Contains(command, "bytes") {
						args = append(args, "--bytes", "16777216")
					} else {
						args = append(args, "--count", "2000")
					}
					got := object(t, mustRun(t, args...))
					wantFields(t, got, map[string]any{"transport": s.name, "wait": wait})
					switch fields := pingpongNumbers; {
					case strings.HasPrefix(command, "stream"):
						numbers(t, got, streamNumbers)
					case strings.HasPrefix(command, "call"):
						checkTrips(t, got, callNumbers)
					default:
						checkTrips(t, got, fields)
					}
					if want := s.limits[wait]; want != "" && (command == "pingpong" || command == "stream") {
						checkLimits(t, got, want)
					}
				})
			}
		}
	}
}

// checkLimits checks the names of the limits, and that each has a ratio.
func checkLimits(t *testing.T, got map[string]any, want string) {
	t.Helper()
	all, _ := got["limits"].([]any)
	var names []string
	for _, l := range all {
		fields, _ := l.(map[string]any)
		names = append(names, fmt.Sprint(fields["name"]))
		numbers(t, fields, []string{"ratio"})
	}
	if strings.Join(names, ", ") != want {
		t.Errorf("limits are %q, want %q", names, want)
	}
}

func TestEveryFormOfIdleGivesItsFields(t *testing.T) {
	for _, transport := range []string{"shm", "unix", "tcp", "tls", "h2", "ws"} {
		t.Run(transport, func(t *testing.T) {
			got := object(t, mustRun(t, "perf", "idle", "--transport", transport, "--sessions", "100", "--busy", "20",
				"--seconds", "0.1", "--json"))
			wantFields(t, got, map[string]any{"transport": transport, "sessions": 100.0, "busy": 20.0})
			for _, of := range []string{"system", "limit"} {
				figures, has := got[of].(map[string]any)
				if !has && of == "limit" {
					continue // not every transport has one
				}
				numbers(t, figures, strings.Fields("dials_per_s trips_per_s median_per_s slowest_per_s fastest_per_s slowest_ratio"))
				for _, side := range []string{"server", "client"} {
					costs, _ := figures[side].(map[string]any)
					for _, when := range []string{"new", "used"} {
						cost, _ := costs[when].(map[string]any)
						numbers(t, cost, []string{"rss_bytes", "heap_bytes", "descriptors"})
					}
				}
			}
		})
	}
}

func TestTheLimitsCanBeMeasuredAgainstThemselves(t *testing.T) {
	needTwoCores(t)
	for _, transport := range strings.Fields("bare bare-inmem bare-unix bare-tcp bare-tls bare-h2 bare-ws") {
		for _, command := range []string{"pingpong", "stream"} {
			got := object(t, mustRun(t, "perf", command, "--transport", transport, "--count", "2000", "--json"))
			wantFields(t, got, map[string]any{"transport": transport, "count": 2000.0})
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
		commands = append(commands, []string{"perf", "stream", "--kind", "bytes", "--bytes", "10000000"},
			[]string{"perf", "pingpong", "--transport", "tcp", "--count", "1000"},
			[]string{"perf", "idle", "--sessions", "50", "--seconds", "0.1"})
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
		{[]string{"perf"}, []string{"pingpong", "stream", "call", "fd", "idle"}},
		{[]string{"perf", "pingpong"}, perfFlags},
		{[]string{"perf", "stream"}, append(strings.Fields("--kind --bytes"), perfFlags...)},
		{[]string{"perf", "call"}, strings.Fields("--transport --size --count --seconds --wait --cores --inflight --json")},
		{[]string{"perf", "fd"}, strings.Fields("--transport --size --count --seconds --wait --cores --json")},
		{[]string{"perf", "idle"}, strings.Fields("--transport --sessions --busy --seconds --wait --json")},
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
		{"perf", "fd", "--transport", "tcp"},
		{"perf", "pingpong", "--transport", "tls", "--lane"},
		{"perf", "pingpong", "--transport", "h2", "--wait", "spin"},
		{"perf", "idle", "--transport", "inmem"},
		{"perf", "idle", "--sessions", "0"},
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
