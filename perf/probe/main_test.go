package probe

import (
	"errors"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The test binary is also the processes that are watched and disturbed.
const roleVariable = "CORECHAN_PROBE_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		play(role)
	}
	goleak.VerifyTestMain(m)
}

// needKernel skips a test where this process may not probe the kernel, and fails it where root may not.
func needKernel(t *testing.T) {
	t.Helper()
	switch err := newLinux().permitted(); {
	case errors.Is(err, ErrCapabilities):
		t.Skip("needs CAP_BPF and CAP_PERFMON, or root")
	case err != nil:
		t.Fatal(err)
	}
}

// startProbe starts a Probe, fails the test unless each group that it asks for is active, and closes the Probe at its end.
func startProbe(t *testing.T, c Config) *Probe {
	t.Helper()
	needKernel(t)
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	for _, s := range p.Status() {
		if s.State == Failed {
			t.Fatalf("%s: %s", s.Group, s.Why)
		}
	}
	return p
}

func snapshot(t *testing.T, p *Probe) *Snapshot {
	t.Helper()
	s, err := p.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
