package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestTraceServesMetricsOfAProcessUntilItIsInterrupted(t *testing.T) {
	talk(t) // this process's engine
	keepSending(t, "unix://"+t.TempDir()+"/unix", "quotes")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "trace", "--listen", "127.0.0.1:0", "--groups", "steal,runtime", "--messages",
		"--pid", strconv.Itoa(os.Getpid()))
	errOut, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(errOut)
	line, err := reader.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := regexp.MustCompile(`http://\S+/metrics`).FindString(line)
	scrape := func() string {
		t.Helper()
		r, err := http.Get(url)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	latency := regexp.MustCompile(`corechan_message_latency_seconds_count{core="\d+",transport="unix"} [1-9]`)
	body := scrape()
	for !latency.MatchString(body) {
		if ctx.Err() != nil {
			t.Fatalf("no latency of messages in\n%s", body)
		}
		body = scrape()
	}
	for _, want := range []string{`corechan_sessions{transport="shm"} 2`, `corechan_core_steal_seconds_total{core="0"}`, `corechan_probe_up{group="steal"} 1`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(reader)
	if err := cmd.Wait(); err != nil || len(rest) != 0 {
		t.Errorf("%v, %s", err, rest)
	}
}

func TestWrongUsageOfTraceListenIsExplained(t *testing.T) {
	for command, test := range map[string]struct {
		code int
		says string
	}{
		"trace --listen 127.0.0.1:9400 --once":                    {exitUsage, "leave out --once"},
		"trace --listen 9400 --groups steal":                      {exitUsage, "HOST:PORT"},
		"trace --listen 127.0.0.1:9400 --messages --groups marks": {exitUsage, "does not serve what group marks finds"},
	} {
		code, out, errOut := corechan(t, strings.Fields(command)...)
		if code != test.code || out != "" || !strings.Contains(errOut, test.says) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want it to say %q", command, code, out, errOut, test.says)
		}
	}
}
