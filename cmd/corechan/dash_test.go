package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/corechan/corechan/perf/dash"
	"github.com/corechan/corechan/perf/probe"
)

// startDash starts `corechan dash` in a process of its own, as it gives up capabilities for good, and returns where its page is.
func startDash(t *testing.T, args ...string) (url string, cmd *exec.Cmd, rest *bufio.Reader) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), "/proc/self/exe", append([]string{"dash", "--no-open", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rest = bufio.NewReader(out)
	line, err := rest.ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatal(err)
	}
	url, _, _ = strings.Cut(line, " ")
	return url, cmd, rest
}

func TestDashServesUntilItIsInterrupted(t *testing.T) {
	url, cmd, _ := startDash(t, "--interval", "100ms", "--groups", "steal,runtime", "--pid", strconv.Itoa(os.Getpid()), "--pinned")
	resp, err := http.Get(url + "recording")
	if err != nil {
		t.Fatal(err)
	}
	var about dash.About
	err = json.NewDecoder(resp.Body).Decode(&about)
	_ = resp.Body.Close()
	if err != nil || !strings.HasPrefix(about.Follows, "the pinned threads of ") || !strings.HasSuffix(about.Follows, " "+strconv.Itoa(os.Getpid())) ||
		len(about.Status) != len(probe.Groups()) {
		t.Errorf("%v: %+v", err, about)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestDashTakesATokenFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("# for the night shift\n\nsixteen bytes or more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url, cmd, _ := startDash(t, "--groups", "steal", "--token-file", file)
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for token, want := range map[string]int{"": 401, "wrong": 401, "sixteen bytes or more": 200} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%q: %s", token, resp.Status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestDashRefusesWhatIsNotSafeOrNotPossible(t *testing.T) {
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args string
		code int
		says string
	}{
		{"--listen :0", exitUsage, "--token-file"},
		{"--listen 0.0.0.0:0", exitUsage, "can be reached from other machines"},
		{"--listen nonsense", exitUsage, "--listen nonsense"},
		{"--listen :0 --token-file /nowhere", exitFailure, "token: open /nowhere"},
		{"--listen :0 --token-file " + short, exitUsage, "a token of 5 bytes; give at least 16"},
		{"--listen 127.0.0.1:0 --host dash.example", exitUsage, "give one, or no names"},
		{"--listen 127.0.0.1:0 --interval 1ms", exitUsage, "an interval of 1ms; give 100ms to 1m0s"},
		{"--listen 127.0.0.1:0 --keep 720h", exitUsage, "at most 7200"},
		{"--listen 127.0.0.1:0 --poll 1023", exitUsage, "core 1023 is not there"},
		{"--listen 127.0.0.1:0 --pid 999999999", exitUsage, "no such process"},
		{"--listen 127.0.0.1:0 --pid 1 --groups marks", exitUsage, "trace --messages --groups marks"},
	} {
		code, out, errOut := corechan(t, append([]string{"dash", "--no-open", "--groups", "steal"}, strings.Fields(test.args)...)...)
		if code != test.code || out != "" || !strings.Contains(errOut, test.says) {
			t.Errorf("%s: exit code %d, %q, %q", test.args, code, out, errOut)
		}
	}
}

func TestHelpOfDashHasWhatItNeeds(t *testing.T) {
	code, out, errOut := corechan(t, "dash", "--help")
	if code != exitOK || errOut != "" {
		t.Errorf("exit code %d, %s", code, errOut)
	}
	for _, s := range []string{"--pid", "--pinned", "--listen", "--token-file", "--keep", "--poll", "--no-open", "Examples:", "CAP_BPF", "127.0.0.1:7070", "ssh -L"} {
		if !strings.Contains(out, s) {
			t.Errorf("no %q", s)
		}
	}
}
