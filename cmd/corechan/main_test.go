package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const roleVariable = "CORECHAN_TEST_ROLE"

// TestMain lets the test binary be corechan itself: a measurement starts its second process from its own executable.
func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "corechan" {
		main()
	}
	if err := os.Setenv(roleVariable, "corechan"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// corechan runs one command line in this process.
func corechan(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	a := &app{ctx: t.Context(), stdout: &out, stderr: &errOut}
	code = a.run(args)
	return code, out.String(), errOut.String()
}

func needTwoCores(t *testing.T) {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	if set.Count() < 2 {
		t.Skip("needs two cores")
	}
}

func TestHelpOfEveryCommandHasWhatItNeeds(t *testing.T) {
	for _, test := range []struct {
		command string
		says    []string
	}{
		{"", []string{"perf pingpong", "perf stream", "perf call", "perf fd", "perf idle", "gen", "doctor", "version", "130"}},
		{"perf", []string{"pingpong", "stream", "call", "fd", "idle"}},
		{"perf pingpong", []string{
			"--transport", "--size", "--count", "--seconds", "--wait", "--cores", "--mode", "--lane", "--ring", "--runs", "--json",
			"--pause", "--compare", "--probes", "--stamps", "nanoseconds", "Bytes", "Examples:", "ratio_p50", "shm", "inmem", "spin", "hybrid", "block", "typed", "raw",
		}},
		{"perf stream", []string{"--ring", "per second", "Examples:", "limit_bytes_per_s", "--kind", "--bytes", "1 GiB"}},
		{"perf call", []string{
			"--transport", "--size", "--count", "--seconds", "--wait", "--cores", "--ring", "--runs", "--json", "--inflight",
			"Default: spin", "Examples:", "ratio_p50", "calls_per_s", "single_calls_per_s", "allocs_per_process",
		}},
		{"perf fd", []string{
			"--size", "--count", "--seconds", "--wait", "--cores", "--ring", "--runs", "--json", "Default: block", "Examples:", "ratio_p50",
		}},
		{"gen", []string{"--check", "--tests", "--json", "Examples:", "//corechan:message", "go:generate"}},
		{"perf idle", []string{
			"--transport", "--sessions", "--busy", "--seconds", "--wait", "--json", "Default: 10000", "Examples:", "rss_bytes", "slowest_ratio",
		}},
		{"ls", []string{"--json", "--timeout", "Examples:"}},
		{"call", []string{"--header", "--timeout", "Examples:", "base64", "<service.method>"}},
		{"doctor", []string{"--json", "--brief", "Examples:"}},
		{"completion", []string{"bash", "zsh", "fish", "Examples:", "source <(corechan completion bash)"}},
		{"version", []string{"version"}},
	} {
		code, out, errOut := corechan(t, append(strings.Fields(test.command), "--help")...)
		if code != exitOK || errOut != "" {
			t.Errorf("%q: exit code %d, %s", test.command, code, errOut)
		}
		for _, s := range test.says {
			if !strings.Contains(out, s) {
				t.Errorf("help of %q does not say %q", test.command, s)
			}
		}
		for _, hidden := range []string{"bare", "perf peer"} {
			if !strings.HasPrefix(test.command, "perf ") && strings.Contains(out, hidden) {
				t.Errorf("help of %q gives away %q", test.command, hidden)
			}
		}
	}
	if code, out, _ := corechan(t); code != exitOK || !strings.Contains(out, "Usage: corechan") {
		t.Errorf("without a command: exit code %d, %s", code, out)
	}
}

func TestWrongUsageIsExplained(t *testing.T) {
	for _, test := range []struct{ command, says string }{
		{"pull", "pull"},
		{"perf pingpong --depth 3", "--depth"},
		{"perf pingpong --size 0", "at least 21"},
		{"perf pingpong --size=-3 --mode raw", "raw one 1"},
		{"perf pingpong --size 1000000", "--ring"},
		{"perf pingpong --count 0", "at least 1"},
		{"perf pingpong --seconds 0", "more than 0"},
		{"perf pingpong --seconds NaN", "more than 0"},
		{"perf pingpong --count 10 --seconds 1", "leave one out"},
		{"perf pingpong --pause 2s", "0 to 1s"},
		{"perf pingpong --pause soon", "duration"},
		{"perf pingpong --compare", "--wait hybrid"},
		{"perf pingpong --probes on", "use ab"},
		{"perf pingpong --stamps on", "--stamps \"on\" is unknown; use ab"},
		{"perf pingpong --runs 0", "at least 1"},
		{"perf pingpong --ring 0", "power of two"},
		{"perf pingpong --cores zero", "0,1"},
		{"perf pingpong --cores 0,4000", "no core 4000"},
		{"perf stream --transport smoke", "use shm, inmem, unix, tcp"},
		{"perf stream --wait nap", "spin, hybrid or block"},
		{"perf stream --mode rare", "typed or raw"},
		{"perf stream --kind words", "messages or bytes"},
		{"perf stream --bytes 5", "--kind bytes"},
		{"perf stream --kind bytes --size 64", "--bytes or --seconds"},
		{"perf stream --kind bytes --bytes 0", "at least 1"},
		{"perf stream --kind bytes --bytes 5 --seconds 1", "leave one out"},
		{"perf stream --kind bytes --ring 4096", "--ring"},
		{"perf call --inflight 0", "1 to 4096"},
		{"perf call --mode raw", "--mode"},
		{"perf call --size 26", "at least 27"},
		{"perf fd --transport inmem", "shm or unix"},
		{"perf fd --size 5000", "at most 4096"},
		{"perf fd --size 0", "at least"},
		{"perf fd --transport tcp", "shm or unix"},
		{"perf pingpong --transport tcp --lane", "no lanes"},
		{"perf idle --transport inmem", "use shm, unix"},
		{"perf idle --sessions 0", "at least 1"},
		{"perf idle --sessions 10 --busy 11", "at most all"},
		{"perf idle --seconds 0", "more than 0"},
		{"perf idle --sessions 999999", "ulimit -n"},
		{"doctor --json --brief", "together"},
	} {
		code, out, errOut := corechan(t, strings.Fields(test.command)...)
		if code != exitUsage || out != "" || !strings.Contains(errOut, test.says) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want it to say %q", test.command, code, out, errOut, test.says)
		}
	}
}

func TestMeasurementsArePrintedAsTextAndAsJSON(t *testing.T) {
	needTwoCores(t)
	const pingpong, stream = "p50_ns limit_p50_ns ratio_p50 cores", "msgs_per_s limit_msgs_per_s ratio seconds"
	for _, test := range []struct {
		command   string
		transport string
		text      []string
		fields    string
	}{
		{"pingpong", "shm", []string{"Ping-pong over shm: 64 bytes typed, spin, cores", "p99.9", "ratio", "cache-line ping-pong", "100 round trips"}, pingpong},
		{
			"pingpong --wait hybrid --compare --pause 20us", "shm",
			[]string{"hybrid to it", "p50 beside", "cores busy", "spin", "block", "after pauses of 20.0 us"},
			pingpong + " rivals pause_ns",
		},
		{"pingpong --wait block --mode raw", "inmem", []string{"64 bytes raw, block, not pinned", "Go channel ping-pong"}, pingpong},
		{"pingpong", "bare", []string{"Ping-pong over bare"}, pingpong},
		{"stream", "shm", []string{"Stream over shm: 64 bytes typed, spin, cores", "messages", "bytes", "SPSC ring copy", "100 messages"}, stream},
		{"call", "shm", []string{
			"Calls over shm: 64 bytes typed, spin, cores", "plain round trip", "calls per second", "100 calls", "Allocations per call",
		}, pingpong + " calls_per_s inflight"},
		{"call --inflight 3 --wait block", "inmem", []string{"3 at a time, block, not pinned", "1 at a time"}, pingpong + " ratio_calls"},
		{"fd", "", []string{"A descriptor there and back over shm: 64 bytes typed with it, block, cores", "sendmsg"}, pingpong},
		{"stream --kind bytes --bytes 1000000", "shm", []string{
			"Byte stream over shm: io.Copy, spin, cores", "bare ring", "1.05 MB", "Allocations per 64 KiB",
		}, stream + " bare_bytes_per_s ratio_bare kind"},
		{
			"pingpong --wait block", "tcp",
			[]string{"Ping-pong over tcp", "p50 beside", "tcp to it", "blocking calls", "net.Conn", "block, over tcp"},
			pingpong + " limits",
		},
		{"stream", "unix", []string{"Stream over unix", "messages beside", "unix to it", "polling calls"}, stream + " limits"},
		{"stream --kind bytes --bytes 1000000", "tcp", []string{"Byte stream over tcp", "bare polling calls"}, stream + " bare"},
		{"fd", "unix", []string{"A descriptor there and back over unix"}, pingpong},
		{"stream --lane", "inmem", []string{"Stream over inmem: 64 bytes typed, spin on a lane, cores"}, stream},
	} {
		args := append([]string{"perf"}, strings.Fields(test.command)...)
		if test.transport == "" {
			test.transport = "shm" // has no choice
		} else {
			args = append(args, "--transport", test.transport)
		}
		if !strings.Contains(test.command, "--bytes") {
			args = append(args, "--count", "100")
		}
		code, out, errOut := corechan(t, args...)
		if code != exitOK || errOut != "" {
			t.Fatalf("exit code %d, %s", code, errOut)
		}
		for _, s := range test.text {
			if !strings.Contains(out, s) {
				t.Errorf("%s does not print %q:\n%s", test.command, s, out)
			}
		}
		if strings.ContainsAny(out, "\x1b\r\t") || strings.Contains(out, " \n") {
			t.Errorf("not plain text: %q", out)
		}
		code, out, errOut = corechan(t, append(args, "--json", "--runs", "2")...)
		if code != exitOK || errOut != "" {
			t.Fatalf("exit code %d, %s", code, errOut)
		}
		var fields map[string]any
		if err := json.Unmarshal([]byte(out), &fields); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for f := range strings.FieldsSeq(test.fields) {
			if _, ok := fields[f]; !ok {
				t.Errorf("%s: no field %s", test.command, f)
			}
		}
		if fields["runs"] != 2.0 || fields["transport"] != test.transport {
			t.Errorf("%s: %v", test.command, fields)
		}
	}
}

func TestIdleSessionsArePrintedAsTextAndAsJSON(t *testing.T) {
	args := []string{"perf", "idle", "--sessions", "30", "--busy", "5", "--seconds", "0.05"}
	code, out, errOut := corechan(t, args...)
	if code != exitOK || errOut != "" {
		t.Fatalf("exit code %d, %s", code, errOut)
	}
	for _, s := range []string{
		"30 idle sessions over tcp: block", "server, new: memory", "client, used: of it heap", "KiB", "slowest / median", "left behind",
		"limit", "net.Conn", "5 sessions were busy",
	} {
		if !strings.Contains(out, s) {
			t.Errorf("does not print %q:\n%s", s, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\r\t") || strings.Contains(out, " \n") {
		t.Errorf("not plain text: %q", out)
	}
	code, out, _ = corechan(t, append(args, "--json", "--transport", "unix")...)
	var r struct {
		Sessions int
		System   struct {
			Server struct{ New, Used map[string]float64 }
		}
	}
	if err := json.Unmarshal([]byte(out), &r); code != exitOK || err != nil || r.Sessions != 30 || r.System.Server.Used["descriptors"] < 1 {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
}

// cancelling is a terminal whose user presses Ctrl-C as soon as there is progress to see.
type cancelling struct {
	bytes.Buffer
	cancel func()
}

func (c *cancelling) Write(b []byte) (int, error) {
	c.cancel()
	return c.Buffer.Write(b)
}

func TestCtrlCKeepsWhatWasMeasured(t *testing.T) {
	needTwoCores(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	terminal := &cancelling{cancel: cancel}
	a := &app{ctx: ctx, stdout: &out, stderr: terminal, progress: true}
	code := a.run([]string{"perf", "pingpong", "--transport", "bare", "--seconds", "3600", "--json"})
	var r struct {
		Count       int
		Interrupted bool
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s\n%s", err, &out, &terminal.Buffer)
	}
	if code != exitInterrupted || !r.Interrupted || r.Count == 0 {
		t.Errorf("exit code %d, %+v", code, r)
	}
	for _, s := range []string{eraseLine, "limit", "ratio", "interrupted"} {
		if !strings.Contains(terminal.String(), s) {
			t.Errorf("the terminal does not show %q: %q", s, terminal.String())
		}
	}
}

func TestInterruptedAtOnce(t *testing.T) {
	needTwoCores(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errOut bytes.Buffer
	a := &app{ctx: ctx, stdout: &out, stderr: &errOut}
	if code := a.run([]string{"perf", "stream", "--transport", "bare"}); code != exitInterrupted || out.Len() != 0 {
		t.Errorf("exit code %d, %s%s", code, &out, &errOut)
	}
}

func TestTheSecondProcessIsNotForHandUse(t *testing.T) {
	code, _, errOut := corechan(t, "perf", "peer")
	if code != exitFailure || !strings.Contains(errOut, "not by hand") {
		t.Errorf("exit code %d, %s", code, errOut)
	}
}

func TestVersionSaysWhatWasBuilt(t *testing.T) {
	code, out, _ := corechan(t, "version")
	if code != exitOK || !strings.HasPrefix(out, "corechan ") || !strings.Contains(out, runtime.Version()) || !strings.HasSuffix(out, "\n") {
		t.Errorf("exit code %d, %q", code, out)
	}
}

func TestDoctorPrintsTextAndJSON(t *testing.T) {
	code, out, errOut := corechan(t, "doctor")
	if code != exitOK || !strings.Contains(out, "memfd seals") {
		t.Errorf("exit code %d, %s%s", code, out, errOut)
	}
	code, out, _ = corechan(t, "doctor", "--json")
	var findings []map[string]any
	if err := json.Unmarshal([]byte(out), &findings); code != exitOK || err != nil || len(findings) == 0 {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
}

func TestFiguresAreWrittenForPeople(t *testing.T) {
	for got, want := range map[string]string{
		nanoseconds(0):      "0 ns",
		nanoseconds(251.4):  "251 ns",
		nanoseconds(12345):  "12.3 us",
		nanoseconds(123e6):  "123.0 ms",
		scaled(999, ""):     "999",
		scaled(999, "B"):    "999 B",
		scaled(12.5e6, ""):  "12.50 M",
		scaled(34e9, "B"):   "34.00 GB",
		perSecond(20e3):     "20.00 k/s",
		grouped(0):          "0",
		grouped(999):        "999",
		grouped(1000):       "1,000",
		grouped(1234567890): "1,234,567,890",
		plain(0.001):        "0.001",
		plain(0):            "0",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
