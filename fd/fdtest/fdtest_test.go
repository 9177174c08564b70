package fdtest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// recorder is a test that may fail without failing this one.
type recorder struct {
	testing.TB
	errors   []string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func TestADescriptorLeftOpenFailsTheTestAndIsNamed(t *testing.T) {
	r := &recorder{TB: t}
	s := Snapshot(r)
	s.patience = 0
	if len(r.cleanups) != 1 {
		t.Fatalf("%d cleanups registered, want 1", len(r.cleanups))
	}

	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	r.cleanups[0]()
	f.Close()
	want := fmt.Sprintf("%d more open", 1)
	if len(r.errors) != 1 || !strings.Contains(r.errors[0], want) || !strings.Contains(r.errors[0], "-> "+os.DevNull) {
		t.Errorf("errors: %q, want one that has %q and the file's name", r.errors, want)
	}
}

func TestADescriptorWhoseNumberIsReusedForAnotherFileIsFound(t *testing.T) {
	first, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{TB: t}
	s := Snapshot(r)
	s.patience = 0
	first.Close()
	second, err := os.Open("/dev/zero") // takes the lowest free number, which is first's
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	s.Check()
	if len(r.errors) != 1 || !strings.Contains(r.errors[0], "-> /dev/zero") {
		t.Errorf("errors: %q, want one that names /dev/zero", r.errors)
	}
}

func TestADescriptorThatIsClosedLateIsWaitedFor(t *testing.T) {
	r := &recorder{TB: t}
	s := Snapshot(r)
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(3*interval, func() { f.Close() })
	defer timer.Stop()
	s.Check()
	if len(r.errors) != 0 {
		t.Errorf("errors: %q, want none", r.errors)
	}
}

func TestAClosedDescriptorIsNoLeak(t *testing.T) {
	Snapshot(t)
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
