package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
)

// keepSending sends messages over a transport, from one engine to another, until the test ends.
func keepSending(t *testing.T, url, name string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	engines := [2]*engine.Engine{}
	for i := range engines {
		e, err := engine.New(engine.Config{Wait: engine.Block})
		if err != nil {
			t.Fatal(err)
		}
		engines[i] = e
	}
	ln, err := transports.Listen(ctx, url, &transports.Options{Engine: engines[0]})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	go func() {
		sess, err := ln.Accept(ctx)
		if err != nil {
			done <- err
			return
		}
		r, err := engine.Accept[engine.Raw](ctx, sess, name)
		for err == nil {
			var m engine.Raw
			err = r.Receive(ctx, &m)
		}
		done <- err
	}()
	go func() {
		sess, err := transports.Dial(ctx, url, &transports.Options{Engine: engines[1]})
		if err != nil {
			done <- err
			return
		}
		s, err := engine.Open[engine.Raw](ctx, sess, name)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for err == nil {
			m := engine.Raw("message")
			err = s.Send(ctx, &m)
			<-ticker.C
		}
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		for _, e := range engines {
			now, cancel := context.WithTimeout(context.Background(), time.Second)
			_ = e.Shutdown(now)
			cancel()
		}
	})
}

func TestTraceSaysHowLongMessagesTook(t *testing.T) {
	keepSending(t, "shm://"+t.TempDir()+"/shm", "orders")
	keepSending(t, "unix://"+t.TempDir()+"/unix", "quotes")
	me := os.Getpid()
	args := []string{"trace", "--messages", "--groups", "steal", "--once", "--interval", "300ms", "--pid", strconv.Itoa(me)}
	var rows []messageRow
	for deadline := time.Now().Add(30 * time.Second); ; {
		code, out, errOut := separately(t, append(args, "--json")...)
		if code != exitOK || errOut != "" {
			t.Fatalf("exit code %d, %s", code, errOut)
		}
		var got struct {
			Messages []messageRow `json:"messages"`
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		rows = got.Messages
		names := map[string]bool{}
		for _, r := range rows {
			names[r.Channel] = true
		}
		if names["orders"] && names["quotes"] {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no rows of both channels: %s", out)
		}
	}
	for _, r := range rows {
		if r.PID != me || r.Count == 0 || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.P999 || r.P999 > r.Max || r.Discarded != 0 {
			t.Errorf("%+v", r)
		}
	}
	code, out, errOut := separately(t, args...)
	if code != exitOK || errOut != "" || !strings.Contains(out, "messages on") || !strings.Contains(out, "orders") {
		t.Errorf("exit code %d, %s\n%s", code, errOut, out)
	}
	args[len(args)-1] = strconv.Itoa(os.Getppid()) // has no channels
	if code, out, _ := separately(t, args...); code != exitOK || !strings.Contains(out, "none in this interval") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func TestTraceHasTheKernelTimeMessages(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, or CAP_BPF, CAP_PERFMON and, on newer kernels, CAP_SYS_ADMIN")
	}
	keepSending(t, "shm://"+t.TempDir()+"/shm", "orders")
	args := []string{
		"trace", "--messages", "--groups", "marks,steal", "--once", "--interval", "1s", "--pid", strconv.Itoa(os.Getpid()),
	}
	for deadline := time.Now().Add(30 * time.Second); ; { // of a thousand messages some eight are marked
		code, out, errOut := separately(t, append(args, "--json")...)
		if code != exitOK || errOut != "" {
			t.Fatalf("exit code %d, %s", code, errOut)
		}
		var got struct {
			Cores []struct {
				Marks struct {
					Sent, Received, Missed, Discarded uint64
					Times, Stamped                    struct {
						Count uint64 `json:"count"`
						P50   int64  `json:"p50_ns"`
					}
				} `json:"marks"`
			} `json:"cores"`
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		sent, timed := uint64(0), uint64(0)
		for i := range got.Cores {
			m := &got.Cores[i].Marks
			sent += m.Sent
			timed += m.Times.Count
			if m.Times.Count+m.Missed+m.Discarded != m.Received || m.Times.Count != m.Stamped.Count || (m.Times.Count > 0) != (m.Times.P50 > 0) {
				t.Errorf("%+v", m)
			}
		}
		if sent > 0 && timed > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no messages are marked: %s", out)
		}
	}
	code, out, errOut := separately(t, args...)
	if code != exitOK || errOut != "" || !strings.Contains(out, "messages marked") || !strings.Contains(out, "by stamps p50") {
		t.Errorf("exit code %d, %s\n%s", code, errOut, out)
	}
	args[len(args)-1] = strconv.Itoa(os.Getppid()) // the go command, or a shell
	if code, out, _ := separately(t, args...); code != exitOK || !strings.Contains(out, "No marks: no marker functions in process") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
