package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// became runs corechan run in a process of its own, which it becomes another one in.
func became(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", append([]string{"run"}, args...)...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

func TestACommandRunsWhereItIsTold(t *testing.T) {
	needTwoCores(t)
	const show = "grep Cpus_allowed_list /proc/self/status"
	for _, core := range []string{"0", "1", "0-1"} {
		code, out, errOut := became(t, "--core", core, "--", "sh", "-c", show)
		if code != 0 || strings.Fields(out)[1] != core || !strings.Contains(errOut, "done: run on core") {
			t.Errorf("core %s: exit code %d, %s%s", core, code, out, errOut)
		}
	}
	if code, out, errOut := became(t, "-q", "--core", "1", "sh", "-c", show); code != 0 || strings.Fields(out)[1] != "1" || errOut != "" {
		t.Errorf("quietly, without --: exit code %d, %s%s", code, out, errOut)
	}
}

func TestTheCommandsOwnEndIsSeen(t *testing.T) {
	if code, _, _ := became(t, "--", "sh", "-c", "exit 42"); code != 42 {
		t.Errorf("exit code %d, want 42", code)
	}
	cmd := exec.Command("/proc/self/exe", "run", "--", "sh", "-c", "echo ready; read x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Error(err)
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", cmd.Process.Pid)) // the very process that was started
	if err != nil || strings.TrimSpace(string(name)) != "sh" {
		t.Errorf("the process is %q, %v", name, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended by %v, not by the signal", err)
	}
}

func TestASchedulerCanBeAskedFor(t *testing.T) {
	code, out, errOut := became(t, "--sched", "batch", "--", "sh", "-c", "cut -d ' ' -f 41 /proc/self/stat")
	if code != 0 || strings.TrimSpace(out) != "3" || !strings.Contains(errOut, "done: be scheduled as batch") { // SCHED_BATCH
		t.Errorf("exit code %d, policy %s%s", code, out, errOut)
	}
}

func TestWhatCannotBeRunIsExplained(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/text", []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/odd", []byte("\x7fELF no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args string
		code int
		says string
	}{
		{"", exitUsage, "command"},
		{"--core 4000 -- true", exitUsage, "no core 4000"},
		{"--core x -- true", exitUsage, "0,1"},
		{"--sched best -- true", exitUsage, "fifo, rr"},
		{"--sched fifo --priority 100 -- true", exitUsage, "1 to 99"},
		{"--numa -- true", exitUsage, "Name one"},
		{"-- " + dir + "/none", int(exitNotFound), "no such file"},
		{"-- no-such-command-anywhere", int(exitNotFound), "not found"},
		{"-- " + dir + "/text", int(exitCannotRun), "permission denied"},
		{"-- " + dir + "/odd", int(exitCannotRun), "exec format"},
	} {
		code, _, errOut := became(t, strings.Fields(test.args)...)
		if code != test.code || !strings.Contains(errOut, test.says) {
			t.Errorf("%q: exit code %d, want %d; %q does not say %q", test.args, code, test.code, errOut, test.says)
		}
		if strings.Contains(errOut, "measure") {
			t.Errorf("%q: %s speaks of measuring", test.args, errOut)
		}
	}
}
