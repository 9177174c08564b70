package services

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/corechan/corechan/bench/peers/peer"
)

// Cost is what a system costs beside time.
type Cost struct {
	System string `json:"system"`
	Lines  int    `json:"generated_lines"`
	Bytes  int64  `json:"binary_bytes"` // of the program that serves and calls, stripped; without that of the harness alone
	Whole  int64  `json:"whole_binary_bytes"`
}

// size is of the message that carries the order's number to the harness, and of no importance.
const size = 64

// Case is the work.
var Case = peer.Case{Kind: peer.Trip, Size: size, Conns: 1, Inflight: 1}

// Programs builds the programs, once each.
type Programs struct {
	dir  string
	mu   sync.Mutex
	made map[string]func() (string, error)
}

// NewPrograms returns programs that are built into a folder. The working directory must be in this module, or its source has to be
// where Go finds it.
func NewPrograms(dir string) *Programs {
	return &Programs{dir: dir, made: map[string]func() (string, error){}}
}

// Build returns the path of a system's program.
func (p *Programs) Build(system string) (string, error) {
	p.mu.Lock()
	build := p.made[system]
	if build == nil {
		build = sync.OnceValues(func() (string, error) { return p.build(system) })
		p.made[system] = build
	}
	p.mu.Unlock()
	return build()
}

func (p *Programs) build(system string) (string, error) {
	program := filepath.Join(p.dir, "service-"+system)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/corechan/corechan/bench/peers/services/"+system)
	if out, err := cmd.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return "", fmt.Errorf("the service of %s is not built, for which this has to run in the folder bench/peers: %w: %s", system, err, first)
	}
	return program, nil
}

// systems are what is compared, in order.
var systems = []struct{ folder, name string }{
	{"corechan", "corechan"}, {"grpc", "grpc-go + protobuf"}, {"ttrpc", "ttrpc + protobuf"}, {"netrpc", "net/rpc"},
}

// Entries returns what is compared.
func (p *Programs) Entries() (all []peer.Entry) {
	for _, mode := range [][2]string{{"spin", "shm"}, {"hybrid", "shm"}, {"block", "shm"}, {"block", "unix"}} {
		all = append(all, peer.Entry{
			Name: "corechan " + mode[0], Network: mode[1], Ours: true, Args: mode[:],
			Command:  func() (string, error) { return p.Build("corechan") },
			Settings: "generated client and server; defaults, but for the way to wait",
		})
	}
	for _, s := range systems[1:] {
		all = append(all, peer.Entry{
			Name: s.name, Network: "unix", Command: func() (string, error) { return p.Build(s.folder) }, Settings: "defaults",
		})
	}
	return all
}

// Costs says what each system costs.
func (p *Programs) Costs() (all []Cost, err error) {
	base, err := p.sizeOf("none")
	if err != nil {
		return nil, err
	}
	for _, s := range systems {
		whole, err := p.sizeOf(s.folder)
		if err != nil {
			return nil, err
		}
		lines, err := generatedLines(s.folder)
		if err != nil {
			return nil, err
		}
		all = append(all, Cost{System: s.name, Lines: lines, Bytes: whole - base, Whole: whole})
	}
	return all, nil
}

func (p *Programs) sizeOf(system string) (int64, error) {
	program, err := p.Build(system)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(program)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

//go:embed corechan grpc ttrpc netrpc
var sources embed.FS

// generatedLines counts the lines of a system's generated files, as they say of themselves that they are.
func generatedLines(folder string) (lines int, err error) {
	err = fs.WalkDir(sources, folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := sources.ReadFile(path)
		if err != nil {
			return err
		}
		if head, _, _ := bytes.Cut(b, []byte("\npackage ")); bytes.Contains(head, []byte("Code generated")) {
			lines += bytes.Count(b, []byte{'\n'})
		}
		return nil
	})
	return lines, err
}
