package probe

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// kernel is what loading takes from the system, so that a test can have a system that refuses.
type kernel interface {
	// permitted returns ErrCapabilities unless this process may load and attach.
	permitted() error
	// hasEvent returns ErrNoBTF, ErrNoEvent or nil.
	hasEvent(name string) error
	// load loads what a specification still has. The maps shared are used in place of those by the same names.
	load(spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map) (*ebpf.Collection, error)
	// attachTo attaches a program to an event.
	attachTo(program *ebpf.Program, event string, typed bool) (link.Link, error)
	// attachAt attaches a program to what is offset bytes from the beginning of an executable, as a process runs it. It returns ErrAdmin if that
	// takes more than permitted knows of.
	attachAt(program *ebpf.Program, executable string, offset uint64, pid int) (link.Link, error)
}

// linux is the kernel that runs.
type linux struct {
	types *btf.Spec
	cache *btf.Cache
}

func newLinux() *linux {
	types, err := btf.LoadKernelSpec()
	if err != nil {
		types = nil
	}
	return &linux{types: types, cache: btf.NewCache()}
}

func (*linux) permitted() error {
	has, err := capabilities()
	if err != nil {
		return err
	}
	if has(unix.CAP_SYS_ADMIN) || has(unix.CAP_BPF) && has(unix.CAP_PERFMON) {
		return nil
	}
	return ErrCapabilities
}

// capabilities returns a function that says whether this thread has a capability.
func capabilities() (has func(capability uint) bool, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil, fmt.Errorf("capget: %w", err)
	}
	return func(c uint) bool { return data[c/32].Effective&(1<<(c%32)) != 0 }, nil
}

func (l *linux) hasEvent(name string) error {
	if l.types == nil {
		return ErrNoBTF
	}
	// The kernel describes the handler of each tracepoint as a type by this name.
	_, err := l.types.AnyTypeByName("btf_trace_" + name)
	if errors.Is(err, btf.ErrNotFound) {
		return fmt.Errorf("%w %s", ErrNoEvent, name)
	}
	return nil // several types by that name are as good as one
}

func (l *linux) load(spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map) (*ebpf.Collection, error) {
	return ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared, Cache: l.cache})
}

func (*linux) attachTo(program *ebpf.Program, event string, typed bool) (link.Link, error) {
	if typed {
		return link.AttachTracing(link.TracingOptions{Program: program, AttachType: ebpf.AttachTraceRawTp})
	}
	return link.AttachRawTracepoint(link.RawTracepointOptions{Name: event, Program: program})
}

// uprobes is there if the kernel can attach to functions of processes in a way that ends with whoever has attached.
const uprobes = "/sys/bus/event_source/devices/uprobe"

func (*linux) attachAt(program *ebpf.Program, executable string, offset uint64, pid int) (link.Link, error) {
	if _, err := os.Stat(uprobes); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoUprobes, err)
	}
	e, err := link.OpenExecutable(executable)
	if err != nil {
		return nil, err
	}
	l, err := e.Uprobe("", program, &link.UprobeOptions{Address: offset, PID: pid})
	if errors.Is(err, unix.EACCES) {
		if has, errHas := capabilities(); errHas == nil && !has(unix.CAP_SYS_ADMIN) {
			err = fmt.Errorf("%w: %w", ErrAdmin, err)
		}
	}
	return l, err
}
