package prepare

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/rig"
)

var machine = rig.Machine{Online: []int{0, 1, 2, 3}, Allowed: []int{0, 1}}

func TestAPlanThatNobodyCouldCarryOutIsRefused(t *testing.T) {
	for _, test := range []struct {
		plan Plan
		want error
		says string
	}{
		{Plan{Cores: []int{9}}, rig.ErrCores, "no core 9"},
		{Plan{Cores: []int{0, 2}}, rig.ErrCores, "outside"},
		{Plan{Policy: "best"}, ErrPlan, "fifo, rr"},
		{Plan{Policy: "batch", Priority: 3}, ErrPlan, "only fifo and rr"},
		{Plan{Priority: 3}, ErrPlan, "only fifo and rr"},
		{Plan{Policy: "fifo", Priority: 100}, ErrPlan, "1 to 99"},
		{Plan{Policy: "rr", Priority: -1}, ErrPlan, "1 to 99"},
		{Plan{NUMA: true}, ErrPlan, "Name one"},
	} {
		if err := test.plan.Check(machine); !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v; want %q", test.plan, err, test.says)
		}
	}
	good := Plan{Cores: []int{1}, Policy: "fifo", NUMA: true, Lock: true, Awake: true}
	if err := good.Check(machine); err != nil || good.Priority != DefaultPriority {
		t.Errorf("%+v: %v", good, err)
	}
	if steps := (&Plan{}).Apply(); len(steps) != 0 {
		t.Errorf("an empty plan did %v", steps)
	}
}

// The process that carries a plan out must be another one: what is prepared stays prepared.
func TestMain(m *testing.M) {
	if os.Getenv("CORECHAN_PREPARE_TEST") != "" {
		prepared()
	}
	os.Exit(m.Run())
}

// prepared drops every privilege, carries out a plan that needs them, and prints what it says.
func prepared() {
	var header unix.CapUserHeader
	header.Version = unix.LINUX_CAPABILITY_VERSION_3
	var none [2]unix.CapUserData
	low := unix.Rlimit{Cur: 1024, Max: 2048}
	zero := unix.Rlimit{}
	for _, err := range []error{
		unix.Setrlimit(unix.RLIMIT_MEMLOCK, &low), unix.Setrlimit(unix.RLIMIT_RTPRIO, &zero), unix.Capset(&header, &none[0]),
	} {
		if err != nil {
			os.Stdout.WriteString("cannot test: " + err.Error())
			os.Exit(0)
		}
	}
	plan := Plan{Policy: "fifo", Priority: 7, Lock: true}
	for _, s := range plan.Apply() {
		if s.Done {
			os.Stdout.WriteString("done: " + s.What + "\n")
		} else {
			os.Stdout.WriteString("not done: " + s.What + "; " + s.Why + "\n")
		}
	}
	os.Exit(0)
}

func TestWhatNeedsAPrivilegeNamesIt(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "CORECHAN_PREPARE_TEST=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	said := string(out)
	if strings.Contains(said, "cannot test") {
		t.Skip(said)
	}
	for _, want := range []string{
		"not done: be scheduled as fifo with priority 7; needs CAP_SYS_NICE, or a limit RLIMIT_RTPRIO of 7 or more, which is 0 here",
		"not done: let the command lock 2 KiB of memory; more than 2048 bytes needs CAP_SYS_RESOURCE",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("does not say %q:\n%s", want, said)
		}
	}
}
