package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/watch"
	"github.com/corechan/corechan/transports"
)

// talk makes two sessions of this process over shared memory, and a channel between them on which something waits.
func talk(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	url := fmt.Sprintf("shm://@top-%d-%s", os.Getpid(), t.Name())
	ln, err := transports.Listen(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	a, err := transports.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b, err := ln.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	quotes, err := engine.Open[engine.Raw](ctx, a, "quotes")
	if err != nil {
		t.Fatal(err)
	}
	if err := quotes.Send(ctx, &engine.Raw{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Accept[engine.Raw](ctx, b, "quotes"); err != nil {
		t.Fatal(err)
	}
}

func TestTopShowsSessionsChannelsAndProcesses(t *testing.T) {
	talk(t)
	pid := strconv.Itoa(os.Getpid())
	for view, want := range map[topView][]string{
		viewSessions:  {"peer", "-> shm " + pid, "<- shm " + pid, "no credit"},
		viewChannels:  {"quotes", "receive", "send", "raw"},
		viewProcesses: {"goroutines", "GC pauses"},
	} {
		code, out, errOut := corechan(t, "top", "--once", "--interval", "100ms", "--pid", pid, "--show", string(view))
		if code != exitOK || errOut != "" {
			t.Errorf("%s: exit code %d, %s", view, code, errOut)
		}
		for _, s := range append(want, "1 engines, 2 sessions, 2 channels", pid) {
			if !strings.Contains(out, s) {
				t.Errorf("%s: no %q in\n%s", view, s, out)
			}
		}
		if strings.ContainsAny(out, "\x1b\r\t") {
			t.Errorf("not plain text: %q", out)
		}
	}
	code, out, errOut := corechan(t, "top", "--once", "--json", "--pid", pid)
	if code != exitOK || errOut != "" {
		t.Fatalf("exit code %d, %s", code, errOut)
	}
	var report struct {
		Engines []struct {
			PID      int
			Snapshot engine.Snapshot
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(report.Engines) != 1 || len(report.Engines[0].Snapshot.Sessions) != 2 || report.Engines[0].Snapshot.Sessions[0].Channels[0].Name != "quotes" {
		t.Errorf("%+v", report)
	}
}

func TestTopWithoutAnyProcessSaysWhatToDo(t *testing.T) {
	code, out, errOut := corechan(t, "top", "--once", "--interval", "100ms", "--pid", "1073741823")
	if code != exitOK || errOut != "" || !strings.Contains(out, "as root") {
		t.Errorf("exit code %d, %q, %q", code, out, errOut)
	}
}

func TestWrongUsageOfTopIsExplained(t *testing.T) {
	for command, says := range map[string]string{
		"top --interval 1ms": "100ms", "top --show naps": "channels", "top --pid x": "pid",
	} {
		code, out, errOut := corechan(t, strings.Fields(command)...)
		if code != exitUsage || out != "" || !strings.Contains(errOut, says) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want it to say %q", command, code, out, errOut, says)
		}
	}
}

func TestCtrlCEndsTop(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "top", "--interval", "100ms")
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
	for line := ""; !strings.Contains(line, "pid"); {
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

// topOf is a live view of sessions that are made up, the n-th with n+1 MB sent between the first and the second look.
func topOf(t *testing.T, sessions int) *topModel {
	t.Helper()
	n := 0
	m := &topModel{ctx: t.Context(), interval: time.Second, width: 200, height: 30, view: viewSessions}
	m.look = func(context.Context) (*topLook, error) {
		s := &engine.Snapshot{Time: time.Unix(int64(100+n), 0), MoreSessions: 7}
		for i := range sessions {
			one := engine.SessionSnapshot{ID: uint64(i + 1), Transport: "tcp", Addr: fmt.Sprintf("tcp://host%d:1", i), Age: time.Hour, Core: -1}
			one.BytesSent = uint64(n) * uint64(i+1) * 1e6
			one.SendQueue, one.SendRing = 50, 100
			s.Sessions = append(s.Sessions, one)
		}
		n++
		return &topLook{Time: s.Time, Engines: []watch.Engine{
			{Name: "a", PID: 42, Command: "orders", Snapshot: s}, {Name: "b", PID: 43, Command: "stuck", Err: watch.ErrSilent},
		}}, nil
	}
	for range 2 {
		m.Update(m.takeLook())
	}
	return m
}

func pressTop(m *topModel, keys ...string) (quit bool) {
	for _, key := range keys {
		msg := tea.KeyPressMsg{Code: rune(key[0]), Text: key}
		if _, cmd := m.Update(msg); cmd != nil {
			_, quit = cmd().(tea.QuitMsg)
		}
	}
	return quit
}

func TestTheLiveTopObeysItsKeys(t *testing.T) {
	m := topOf(t, 100)
	shows := func(want ...string) {
		t.Helper()
		got := strings.Join(strings.Fields(m.View().Content), " ")
		for _, s := range want {
			if !strings.Contains(got, s) {
				t.Errorf("the view does not show %q:\n%s", s, m.View().Content)
			}
		}
	}
	shows("sessions, by process", "42 orders 1 <- tcp host0:1 0 0 1.00 MB 0 50 %", "No figures of process 43 (stuck)", "has 7 sessions",
		"2 engines, 107 sessions")
	pressTop(m, "s")
	shows("by bytes", "orders 100 <- tcp host99:1 0 0 100.00 MB")
	pressTop(m, "j", "j")
	shows("from row 3 of 100", "orders 98")
	pressTop(m, "k", "p")
	shows("from row 2 of 100, paused")
	was := m.now
	m.Update(m.takeLook())
	if m.now != was {
		t.Error("a paused view changes")
	}
	pressTop(m, "v")
	shows("channels, by bytes")
	pressTop(m, "v")
	shows("processes, by bytes", "43 stuck 0 - it does not answer")
	if !pressTop(m, "q") {
		t.Error("q does not end it")
	}
}

func TestTheLiveTopFitsItsScreen(t *testing.T) {
	m := topOf(t, 1000)
	for _, size := range []tea.WindowSizeMsg{{Width: 20, Height: 6}, {Width: 1, Height: 1}, {Width: 0, Height: 0}, {Width: 500, Height: 3}} {
		m.Update(size)
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

func TestALiveTopThatCannotLookEnds(t *testing.T) {
	m := topOf(t, 1)
	m.look = func(context.Context) (*topLook, error) { return nil, os.ErrClosed }
	if _, cmd := m.Update(m.takeLook()); cmd == nil || !errors.Is(m.err, os.ErrClosed) {
		t.Error(m.err)
	}
}
