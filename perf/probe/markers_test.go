package probe

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corechan/corechan/internal/mark"
)

// However a program was linked, its functions are found, or it says why they cannot be.
func TestMarkersOfWhateverProgramAreFound(t *testing.T) {
	needKernel(t)
	program := filepath.Join(t.TempDir(), "marked")
	for _, flags := range [][]string{
		{"-ldflags=-s -w"},
		{"-buildmode=pie", "-ldflags=-s -w"},
		{"-ldflags=-linkmode=external"},
		{"-ldflags=-linkmode=external -s -w"},
	} {
		external, stripped := strings.Contains(flags[0], "external"), strings.Contains(flags[len(flags)-1], "-s")
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			if _, err := exec.LookPath("gcc"); external && err != nil {
				t.Skip("needs gcc")
			}
			build := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-o", program}, flags...), "./testdata/marked")...)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			cmd := exec.CommandContext(t.Context(), program)
			in, errIn := cmd.StdinPipe()
			out, errOut := cmd.StdoutPipe()
			if errIn != nil || errOut != nil {
				t.Fatal(errIn, errOut)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				in.Close()
				if err := cmd.Wait(); err != nil { // a probe in the middle of something else kills it
					t.Error(err)
				}
			}()
			p, err := Start(Config{PIDs: []int{cmd.Process.Pid}, Groups: []Group{Marks}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			s := statusOf(p, Marks)
			if external && stripped {
				if s.State != Failed || !strings.Contains(s.Why, "begins with C code") {
					t.Errorf("%+v", s)
				}
				return
			}
			if s.State != Active {
				t.Fatalf("%+v", s)
			}
			if _, err := in.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(out, []byte{0}); err != nil {
				t.Fatal(err)
			}
			if m := marksOf(t, snapshot(t, p)); m.Sent != 10 || m.Times.Count() != 10 || m.Stamped.Sum() != 10 {
				t.Errorf("%d are sent, %d received, %d discarded, %v", m.Sent, m.Received, m.Discarded, m.Stamped.Sum())
			}
		})
	}
}

// changed is a file of which some bytes are others.
type changed struct {
	io.ReaderAt
	at    int64
	bytes []byte
}

func (c changed) ReadAt(b []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(b, off)
	for i, v := range c.bytes {
		if at := c.at + int64(i) - off; at >= 0 && at < int64(n) {
			b[at] = v
		}
	}
	return n, err
}

// Places in the header of an ELF file for 64 bits, and of a section.
const (
	elfMachine      = 18
	elfEntry        = 24
	elfSections     = 40
	elfSectionSize  = 64
	elfSectionName  = 0
	elfSectionBytes = 32
)

// inSection returns where a field of a section's header is in a file.
func inSection(t *testing.T, f io.ReaderAt, name string, field int64) int64 {
	t.Helper()
	e, err := elf.NewFile(f)
	if err != nil {
		t.Fatal(err)
	}
	table := make([]byte, 8)
	if _, err := f.ReadAt(table, elfSections); err != nil {
		t.Fatal(err)
	}
	for i, s := range e.Sections {
		if s.Name == name {
			return int64(binary.LittleEndian.Uint64(table)) + int64(i)*elfSectionSize + field
		}
	}
	t.Fatalf("this program has no section %s", name)
	return 0
}

func TestAnExecutableWithoutMarkersIsExplained(t *testing.T) {
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	if _, err := findMarkers(exe); err != nil {
		t.Errorf("as it is: %v", err)
	}
	table := func(field int64) int64 { return inSection(t, exe, ".gopclntab", field) }
	for says, executable := range map[string]io.ReaderAt{
		"begins with C code":    changed{exe, elfEntry, []byte{1}},
		"not a Go program":      changed{exe, table(elfSectionName), []byte{0, 0, 0, 0}},
		"table of functions of": changed{exe, table(elfSectionBytes), []byte{0, 0, 0, 0, 1}},
		"cannot be read":        strings.NewReader("#!/bin/sh\n"),
		"is for EM_MIPS":        changed{exe, elfMachine, []byte{8, 0}},
	} {
		if _, err := findMarkers(executable); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, and not %q", err, says)
		}
	}
	f, err := elf.NewFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := functions(f, mark.SentName, "nobody.Has"); err == nil || !strings.Contains(err.Error(), "corechan's engine") {
		t.Errorf("%v", err)
	}
	if _, err := fileOffset(f, 1); err == nil {
		t.Error("there is code at address 1")
	}
}
