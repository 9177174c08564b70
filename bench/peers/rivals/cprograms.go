package rivals

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/corechan/corechan/bench/peers/peer"
)

// Libraries for C, by small programs that are compiled where the library's Debian package is installed.

//go:embed c
var cSources embed.FS

// cProgram is one of the programs.
type cProgram struct {
	source   string // in folder c
	library  string // as the linker has it
	header   string // which is there if the library is
	packages string // Debian's
}

func cPrograms() (all []peer.Entry) {
	for _, one := range []struct {
		name, settings string
		cProgram
	}{
		{
			"ZeroMQ", "libzmq by a program in C: PAIR, one I/O thread, default queues, a thread for each of many connections",
			cProgram{"zmq.c", "zmq", "zmq.h", "libzmq3-dev"},
		},
		{
			"nng", "libnng by a program in C: PAIR, queues of 128 messages, a thread for each of many connections",
			cProgram{"nng.c", "nng", "nng/nng.h", "libnng-dev"},
		},
	} {
		build := sync.OnceValues(one.build)
		for _, network := range []string{"unix", "tcp"} {
			all = append(all, peer.Entry{Name: one.name, Network: network, Settings: one.settings, Command: build})
		}
	}
	return all
}

// build compiles the program, unless that was done before, and returns its path.
func (p cProgram) build() (string, error) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return "", errors.New("there is no C compiler; on Debian: apt-get install gcc libc6-dev")
	}
	check := exec.Command(compiler, "-E", "-include", p.header, "-x", "c", os.DevNull)
	if check.Run() != nil {
		return "", fmt.Errorf("%s is not installed; on Debian: apt-get install %s", p.header, p.packages)
	}
	hash := sha256.New()
	sources := map[string][]byte{}
	for _, name := range []string{"worker.h", p.source} {
		b, err := cSources.ReadFile("c/" + name)
		if err != nil {
			return "", err
		}
		sources[name] = b
		hash.Write(b)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "corechan-peers", p.library+"-"+hex.EncodeToString(hash.Sum(nil))[:16])
	program := filepath.Join(dir, p.library)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for name, b := range sources {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return "", err
		}
	}
	// Renamed at last, so that nobody finds half a program.
	cc := exec.Command(compiler, "-O2", "-o", program+".new", filepath.Join(dir, p.source), "-l"+p.library, "-lpthread")
	if out, err := cc.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return "", fmt.Errorf("%s does not compile: %s", p.source, first)
	}
	return program, os.Rename(program+".new", program)
}
