package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// State is what became of a group.
type State string

// The states.
const (
	Active State = "active"
	Paused State = "paused" // not attached, between Pause and Resume
	Off    State = "off"    // not asked for
	Failed State = "failed" // asked for, and refused: Why says by what
)

// Status says what became of one group.
type Status struct {
	Group Group  `json:"group"`
	State State  `json:"state"`
	Why   string `json:"why,omitempty"` // failed: what is missing and how to get it, and what still works
	// Missing are events that this kernel does not have, so that an active group counts without them.
	Missing []string `json:"missing,omitempty"`
	// Untyped says that the kernel refused the programs that read its types in place; others stand in, and cost more.
	Untyped bool `json:"untyped,omitempty"`
	// Lost is how many events were not counted as they came in the middle of another one of the same kind on their core.
	Lost uint64 `json:"lost"`
	// Err is the cause of Failed, nil otherwise.
	Err error `json:"-"`
}

// Errors that Status.Err may wrap, beside what the system said.
var (
	ErrCapabilities = errors.New("CAP_BPF and CAP_PERFMON are missing")
	ErrNoBTF        = errors.New("the kernel does not describe its types")
	ErrNoEvent      = errors.New("the kernel does not have the event")
	ErrAdmin        = errors.New("CAP_SYS_ADMIN is missing")
	ErrNoUprobes    = errors.New("the kernel does not have uprobes")
)

const stillWorks = "steal and runtime work without it"

// explain says what a group was refused by, for people.
func explain(err error) string {
	var verifier *ebpf.VerifierError
	why := err.Error()
	switch {
	case errors.Is(err, ErrCapabilities):
		why = "needs CAP_BPF and CAP_PERFMON: run as root, or setcap cap_bpf,cap_perfmon+ep on the binary"
	case errors.Is(err, ErrAdmin):
		why = "needs CAP_SYS_ADMIN on this kernel, as on all since July 2025: run as root, or setcap cap_sys_admin,cap_bpf,cap_perfmon+ep on the binary"
	case errors.Is(err, ErrNoBTF):
		why = "needs a kernel with CONFIG_DEBUG_INFO_BTF (/sys/kernel/btf/vmlinux): install the distribution's own kernel"
	case errors.Is(err, ErrNoEvent) || errors.Is(err, ErrNoMarkers):
		return why // says which; other groups are not concerned
	case errors.Is(err, ErrNoUprobes):
		return "needs a kernel with CONFIG_UPROBE_EVENTS, and /sys: " + why
	case errors.As(err, &verifier):
		why = "this kernel's verifier does not accept the program: " + strings.TrimSpace(why)
	case errors.Is(err, ebpf.ErrNotSupported):
		why = "needs Linux 5.11 or newer: " + why
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, fs.ErrPermission):
		why = fmt.Sprintf("refused although the capabilities are there (lockdown, seccomp, or a user namespace): %v", err)
	case errors.Is(err, syscall.ENOSYS):
		why = "needs a kernel with CONFIG_BPF_SYSCALL"
	case errors.Is(err, syscall.ENOMEM):
		why = "no memory for the counters: raise the memory limit of the cgroup"
	}
	return why + "; " + stillWorks
}
