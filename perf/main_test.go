package perf

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/perf/rig"
)

// The test binary is also the second process of its measurements, and a first process that a test can kill.
const (
	roleVariable = "CORECHAN_PERF_TEST_ROLE"
	rolePeer     = "peer"
	roleLead     = "lead"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case rolePeer:
		if err := ServePeer(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case roleLead:
		lead()
	default:
		goleak.VerifyTestMain(m)
	}
}

// inRole makes a command that runs this binary in another role.
func inRole(role string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

// lead measures for a long time, and prints the second process's id once slices are under way.
func lead() {
	var peer *exec.Cmd
	told := false
	_, err := Pingpong(context.Background(), Config{Transport: Bare, Seconds: 3600}, &Options{
		Command: func() *exec.Cmd {
			peer = inRole(rolePeer)
			return peer
		},
		Progress: func(Progress) {
			if !told {
				fmt.Println(peer.Process.Pid)
				told = true
			}
		},
	})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// testOptions start the second process in the peer's role.
func testOptions(progress func(Progress)) *Options {
	return &Options{Command: func() *exec.Cmd { return inRole(rolePeer) }, Progress: progress}
}

// forTwoCores completes a configuration, or skips the test on a machine with one core.
func forTwoCores(t *testing.T, c Config) Config {
	t.Helper()
	return complete(t, pingpong, c)
}

func complete(t *testing.T, k kind, c Config) Config {
	t.Helper()
	m, err := rig.ThisMachine()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Allowed) < 2 {
		t.Skip("needs two cores")
	}
	c, err = c.complete(k, m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
