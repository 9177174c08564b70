package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/corechan/corechan/perf/probe"
)

// separately runs one command line in a process of its own: a trace gives up capabilities, for good.
func separately(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

func TestTraceReportsOnceAsTextAndAsJSON(t *testing.T) {
	me := strconv.Itoa(os.Getpid())
	code, out, errOut := separately(t, "trace", "--once", "--interval", "100ms", "--pid", me)
	if code != exitOK || errOut != "" {
		t.Fatalf("exit code %d, %s", code, errOut)
	}
	for _, s := range []string{"core", "woken p50", "preempted", "stolen", "steal", "mostly by"} {
		if !strings.Contains(out, s) {
			t.Errorf("no %q in\n%s", s, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\r\t") {
		t.Errorf("not plain text: %q", out)
	}
	code, out, errOut = separately(t, "trace", "--once", "--interval", "100ms", "--pid", me, "--json")
	if code != exitOK || errOut != "" {
		t.Fatalf("exit code %d, %s", code, errOut)
	}
	var report struct {
		Span  int64 `json:"span_ns"`
		Cores []struct {
			Core  int
			Steal *struct{}
		}
		Status []probe.Status
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if report.Span < 100e6 || len(report.Cores) == 0 || report.Cores[0].Steal == nil || len(report.Status) != len(probe.Groups()) {
		t.Errorf("%+v", report)
	}
}

func TestHelpOfTraceHasWhatItNeeds(t *testing.T) {
	code, out, errOut := corechan(t, "trace", "--help")
	if code != exitOK || errOut != "" {
		t.Errorf("exit code %d, %s", code, errOut)
	}
	for _, s := range []string{"--pid", "--pinned", "--once", "--json", "--interval", "Examples:", "CAP_BPF", "nanoseconds", "docs/tracing.md"} {
		if !strings.Contains(out, s) {
			t.Errorf("no %q", s)
		}
	}
	for _, g := range probe.Groups() {
		if !strings.Contains(out, string(g)) {
			t.Errorf("no group %s", g)
		}
	}
}

func TestWrongUsageOfTraceIsExplained(t *testing.T) {
	for _, test := range []struct{ command, says string }{
		{"trace --pid 1073741823", "no such process"},
		{"trace --pid 1,2,3,4,5,6,7,8,9", "at most 8"},
		{"trace --groups naps", "runq"},
		{"trace --cores x", "0,1"},
		{"trace --ports 0", "1 to 65535"},
		{"trace --interval 1ms", "100ms"},
		{"trace --interval soon", "duration"},
		{"trace --groups marks --pid 1", "--messages"},
		{"trace --groups marks --messages", "ids of those that send"},
		{"trace --groups steal --messages --listen 127.0.0.1:0", "leave out"},
	} {
		code, out, errOut := corechan(t, strings.Fields(test.command)...)
		if code != exitUsage || out != "" || !strings.Contains(errOut, test.says) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want it to say %q", test.command, code, out, errOut, test.says)
		}
	}
}

func TestCtrlCEndsATrace(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "trace", "--interval", "100ms", "--groups", "steal,runtime")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(out)
	for line := ""; !strings.Contains(line, "woken"); {
		if line, err = reader.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, reader)
	if err := cmd.Wait(); err != nil || errOut.Len() != 0 {
		t.Errorf("%v, %s", err, &errOut)
	}
}

// liveTest is a live view of this process, without a terminal and without privileges.
func liveTest(t *testing.T) *liveModel {
	t.Helper()
	config := probe.Config{Groups: []probe.Group{probe.Steal, probe.Runtime}}
	p, err := probe.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	m := &liveModel{start: probe.Start, probe: p, config: config, interval: time.Second, width: 120, height: 40}
	t.Cleanup(func() { m.probe.Close() })
	m.Init()
	return m
}

func press(m *liveModel, keys ...string) (quit bool) {
	for _, key := range keys {
		msg := tea.KeyPressMsg{Code: rune(key[0]), Text: key}
		switch key {
		case "enter":
			msg = tea.KeyPressMsg{Code: tea.KeyEnter}
		case "backspace":
			msg = tea.KeyPressMsg{Code: tea.KeyBackspace}
		case "esc":
			msg = tea.KeyPressMsg{Code: tea.KeyEscape}
		}
		_, cmd := m.Update(msg)
		if cmd != nil {
			_, quit = cmd().(tea.QuitMsg)
		}
	}
	return quit
}

func TestTheLiveViewObeysItsKeys(t *testing.T) {
	m := liveTest(t)
	shows := func(want string) {
		t.Helper()
		if got := m.View().Content; !strings.Contains(got, want) {
			t.Errorf("the view does not show %q:\n%s", want, got)
		}
	}
	m.Update(liveTick{})
	shows("every process")
	shows("by core")
	press(m, "s")
	shows("by longest wait after a wake")
	press(m, "p")
	shows("paused")
	was := m.shown
	m.Update(liveTick{})
	if m.shown != was {
		t.Error("a paused view changes")
	}
	press(m, "p", "r")
	m.Update(liveTick{})
	shows("since reset")
	press(m, "i")
	m.Update(liveTick{})
	shows("last ")

	press(m, "f", "1", "x", "2", "backspace")
	shows("follow process (none: every process), then enter: 1")
	press(m, "esc")
	shows("every process")
	press(m, "f")
	press(m, strings.Split(strconv.Itoa(os.Getpid()), "")...)
	press(m, "enter")
	shows("process " + strconv.Itoa(os.Getpid()))
	press(m, append(strings.Split("f999999999", ""), "enter")...)
	shows("no such process 999999999")
	shows("process " + strconv.Itoa(os.Getpid()))
	if !press(m, "q") {
		t.Error("q does not end it")
	}
}

func TestTheLiveViewFitsItsScreen(t *testing.T) {
	m := liveTest(t)
	for _, size := range []tea.WindowSizeMsg{{Width: 20, Height: 6}, {Width: 1, Height: 1}, {Width: 0, Height: 0}, {Width: 500, Height: 3}} {
		m.Update(size)
		m.Update(liveTick{})
		lines := strings.Split(m.View().Content, "\n")
		if len(lines) > max(size.Height, 2) {
			t.Errorf("%d lines on a screen of %d", len(lines), size.Height)
		}
		for _, line := range lines {
			if len([]rune(line)) > size.Width {
				t.Errorf("%q is wider than %d", line, size.Width)
			}
		}
	}
}

func TestALiveViewWhoseProbeIsGoneEnds(t *testing.T) {
	m := liveTest(t)
	m.probe.Close()
	_, cmd := m.Update(liveTick{})
	if cmd == nil || !errors.Is(m.err, os.ErrClosed) {
		t.Errorf("%v", m.err)
	}
}

func TestATraceRowSaysWhatACoreLost(t *testing.T) {
	c := &probe.Core{
		ID: 3, RunQueue: &probe.RunQueueStats{}, Stolen: &probe.StolenStats{Outside: 10 * time.Millisecond},
		Preempt: &probe.PreemptStats{By: []probe.Preemptor{{TID: 7, Command: "bad\x1b[2Jname", Count: 1, Time: time.Second}}},
	}
	c.RunQueue.Preempted.Record(250 * time.Millisecond)
	c.Stolen.Of(probe.Timer).Record(40 * time.Millisecond)
	c.Stolen.Of(probe.SoftNetRx).Record(50 * time.Millisecond)
	r := newTraceRow(c, time.Second)
	if got := strings.Join(strings.Fields(r.text()), " "); got != "3 1 25.0 % 249.6 ms 250.0 ms 0 % 10.0 % - - - - bad?[2Jname 7" {
		t.Errorf("%q", got)
	}
	if bar := r.bar(100); bar != strings.Repeat("V", 16)+strings.Repeat("S", 20)+strings.Repeat("O", 4)+strings.Repeat(".", 60) {
		t.Errorf("%q", bar)
	}
	r.steal = time.Hour
	if bar := r.bar(50); len(bar) != 50 || !strings.HasSuffix(bar, "H") {
		t.Errorf("%q", bar)
	}
}

func TestTraceSaysWhatItLacks(t *testing.T) {
	notes := strings.Join(traceNotes(&probe.Snapshot{Ended: []int{42}}, 0, []probe.Status{
		{Group: probe.RunQueue, State: probe.Failed, Why: "needs a miracle"},
		{Group: probe.Faults, State: probe.Failed, Why: "needs a miracle"},
		{Group: probe.Vectors, State: probe.Active, Missing: []string{"irq_work_exit"}, Lost: 3},
	}), "\n")
	for _, want := range []string{"No runq, faults: needs a miracle.", "without irq_work_exit", "3 events", "Process 42 has ended"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in %q", want, notes)
		}
	}
}
