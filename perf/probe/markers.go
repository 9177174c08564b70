package probe

import (
	"debug/elf"
	"debug/gosym"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/corechan/corechan/internal/mark"
)

// ErrNoMarkers says that a process does not have the functions that group marks is attached to. What wraps it says why.
var ErrNoMarkers = errors.New("no marker functions")

// markers are where the functions of package mark begin in an executable: bytes from its beginning.
type markers struct{ sent, received uint64 }

// maxFunctions is how many bytes of a program's table of functions are read: ten times what large programs have.
const maxFunctions = 256 << 20

// Architectures of executables and the functions that Go's begin with.
var (
	machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	starts   = map[string]string{"amd64": "_rt0_amd64_linux", "arm64": "_rt0_arm64_linux"}
)

// findMarkers finds them in an executable. What is wrong with one that does not have them is its error.
func findMarkers(executable io.ReaderAt) (markers, error) {
	f, err := elf.NewFile(executable)
	if err != nil {
		return markers{}, fmt.Errorf("its executable cannot be read: %w", err)
	}
	if f.Machine != machines[runtime.GOARCH] || f.Class != elf.ELFCLASS64 {
		return markers{}, fmt.Errorf("its executable is for %v, not for %s", f.Machine, runtime.GOARCH)
	}
	found, err := functions(f, mark.SentName, mark.ReceivedName)
	if err != nil {
		return markers{}, err
	}
	sent, errSent := fileOffset(f, found[0])
	received, errReceived := fileOffset(f, found[1])
	return markers{sent, received}, errors.Join(errSent, errReceived)
}

// errLinkedWithC says that a program does not begin with Go's code.
var errLinkedWithC = errors.New("its executable begins with C code and has no symbols: build it without -s, and do not strip it")

// functions returns the addresses of functions, by their names.
func functions(f *elf.File, names ...string) ([]uint64, error) {
	addresses, err := byFunctionTable(f, names)
	if errors.Is(err, errLinkedWithC) {
		addresses, err = bySymbols(f, names)
	}
	if err != nil {
		return nil, err
	}
	if slices.Contains(addresses, 0) {
		return nil, errors.New("its executable does not have corechan's engine, or one of a version without them")
	}
	return addresses, nil
}

// byFunctionTable goes by what Go's own runtime goes by, pclntab, which stripped programs have too. It leaves 0 for those that are not there. Addresses
// in it are relative to where Go's code begins, which is not the beginning of all code in a program that was linked with C. So it is
// believed if it knows the program's first instruction, which is C's there.
func byFunctionTable(f *elf.File, names []string) ([]uint64, error) {
	text, table := f.Section(".text"), f.Section(".gopclntab")
	if table == nil {
		table = f.Section(".data.rel.ro.gopclntab") // of position-independent ones, before Go 1.26
	}
	if text == nil || table == nil {
		return nil, errors.New("its executable is not a Go program, or was stripped of more than its symbols")
	}
	if table.Size > maxFunctions {
		return nil, fmt.Errorf("its executable has a table of functions of %d bytes, more than %d", table.Size, maxFunctions)
	}
	data, err := table.Data()
	if err != nil {
		return nil, fmt.Errorf("read its table of functions: %w", err)
	}
	functions, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	if err != nil {
		return nil, fmt.Errorf("read its table of functions: %w", err)
	}
	if start := functions.LookupFunc(starts[runtime.GOARCH]); start == nil || start.Entry != f.Entry {
		return nil, errLinkedWithC
	}
	addresses := make([]uint64, len(names))
	for i, name := range names {
		if found := functions.LookupFunc(name); found != nil {
			addresses[i] = found.Entry
		}
	}
	return addresses, nil
}

// bySymbols leaves 0 too.
func bySymbols(f *elf.File, names []string) ([]uint64, error) {
	symbols, err := f.Symbols()
	if errors.Is(err, elf.ErrNoSymbols) {
		return nil, errLinkedWithC
	}
	if err != nil {
		return nil, fmt.Errorf("read its symbols: %w", err)
	}
	addresses := make([]uint64, len(names))
	for i := range symbols {
		if at := slices.Index(names, symbols[i].Name); at >= 0 && elf.ST_TYPE(symbols[i].Info) == elf.STT_FUNC {
			addresses[at] = symbols[i].Value
		}
	}
	return addresses, nil
}

// fileOffset returns where in the file the code at an address is.
func fileOffset(f *elf.File, address uint64) (uint64, error) {
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && address >= p.Vaddr && address-p.Vaddr < p.Filesz {
			return address - p.Vaddr + p.Off, nil
		}
	}
	return 0, fmt.Errorf("its executable has no code at %#x, where its symbols say that there is", address)
}
