package load

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/perf/rig"
)

const roleVariable = "CORECHAN_LOAD_TEST_ROLE"

// TestMain lets the test binary be the second process of its measurements.
func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "peer" {
		if err := ServePeer(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func peerCommand() *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"=peer")
	return cmd
}

func needCores(t *testing.T, n int) {
	t.Helper()
	m, err := rig.ThisMachine()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Allowed) < n {
		t.Skipf("needs %d cores", n)
	}
}

// short is a configuration of a short run: 100 ms in all.
func short(c Config) Config {
	c.Warm, c.Rounds, c.Round = 20*time.Millisecond, 2, 40*time.Millisecond
	if c.Rate == 0 {
		c.Rate = 5000
	}
	return c
}
