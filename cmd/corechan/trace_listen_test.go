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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "trace", "--listen", "127.0.0.1:0", "--groups", "steal,runtime",
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
	r, err := http.Get(url)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`corechan_sessions{transport="shm"} 2`, `corechan_core_steal_seconds_total{core="0"}`, `corechan_probe_up{group="steal"} 1`} {
		if !strings.Contains(string(body), want) {
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
		"trace --listen 127.0.0.1:9400 --once": {exitUsage, "leave out --once"},
		"trace --listen 9400 --groups steal":   {exitUsage, "HOST:PORT"},
	} {
		code, out, errOut := corechan(t, strings.Fields(command)...)
		if code != test.code || out != "" || !strings.Contains(errOut, test.says) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want it to say %q", command, code, out, errOut, test.says)
		}
	}
}
