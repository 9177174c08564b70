package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Remedy is one thing that would prepare the machine for programs whose times matter: what it gives, and the commands, which nobody
// here runs.
type Remedy struct {
	Name     string   `json:"name"`
	Gives    string   `json:"gives"`              // what gets better, and what it costs
	Status   Status   `json:"status"`             // ok: it is so already; warn: to be done; unknown: this machine does not let it be chosen
	Now      string   `json:"now,omitempty"`      // how it is
	Commands []string `json:"commands,omitempty"` // of a shell, as root
	Boot     bool     `json:"boot,omitempty"`     // they take effect with the next boot
}

// ErrNoCores reports cores that cannot be prepared.
var ErrNoCores = errors.New("cannot prepare these cores")

// Remedies tells what would prepare the machine so that these cores belong to one's own programs. None: all that are online but the
// first half. The rest of the cores keeps the system's work, so one at least must be left.
func (h *Host) Remedies(ctx context.Context, list string) (cores string, all []Remedy, err error) {
	online, err := h.cores("sys/devices/system/cpu/online")
	if err != nil {
		return "", nil, err
	}
	mine, err := parseCores(list)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrNoCores, err)
	}
	if len(mine) == 0 {
		mine = online[(len(online)+1)/2:]
	}
	rest := without(online, mine)
	switch {
	case len(mine) == 0:
		return "", nil, fmt.Errorf("%w: there is one core, which the system needs too", ErrNoCores)
	case len(without(mine, online)) > 0:
		return "", nil, fmt.Errorf("%w: there is no core %s; online are %s", ErrNoCores, formatCores(without(mine, online)), formatCores(online))
	case len(rest) == 0:
		return "", nil, fmt.Errorf("%w: %s are all there are; leave one to the system", ErrNoCores, formatCores(mine))
	}
	s := split{mine: mine, rest: rest}
	for _, r := range remedies() {
		if err := ctx.Err(); err != nil {
			return "", nil, err
		}
		found := r.look(h, s)
		found.Name, found.Gives = r.name, r.gives
		all = append(all, found)
	}
	return formatCores(mine), all, nil
}

// split is the cores for one's own programs and those for everything else.
type split struct{ mine, rest []int }

// remedy is one question, as check is.
type remedy struct {
	name, gives string
	look        func(*Host, split) Remedy
}

// remedies lists them in the order in which they help: what needs no boot first.
func remedies() []remedy {
	return slices.Concat(powerRemedies(), interferenceRemedies(), memoryRemedies(), limitRemedies(), bootRemedies())
}

func so(now string) Remedy        { return Remedy{Status: OK, Now: now} }
func elsewhere(now string) Remedy { return Remedy{Status: Unknown, Now: now} }
func todo(now string, commands ...string) Remedy {
	return Remedy{Status: Warn, Now: now, Commands: commands}
}

func atBoot(now string, commands ...string) Remedy {
	return Remedy{Status: Warn, Now: now, Commands: commands, Boot: true}
}

// without is the cores of a that are not in b.
func without(a, b []int) []int {
	return slices.DeleteFunc(slices.Clone(a), func(c int) bool { return slices.Contains(b, c) })
}

// mask writes a set of cores as the kernel's files for bits have it: words of 32 bits in hexadecimal, the highest first.
func mask(cores []int) string {
	words := make([]uint32, 1)
	for _, c := range cores {
		for c/32 >= len(words) {
			words = append(words, 0)
		}
		words[c/32] |= 1 << (c % 32)
	}
	var parts []string
	for i, w := range slices.Backward(words) {
		if i == len(words)-1 {
			parts = append(parts, fmt.Sprintf("%x", w))
			continue
		}
		parts = append(parts, fmt.Sprintf("%08x", w))
	}
	return strings.Join(parts, ",")
}

// setting is a remedy that is one file with one wanted word.
func setting(file, wanted string) func(*Host, split) Remedy {
	return func(h *Host, _ split) Remedy {
		now, err := h.text(file)
		switch {
		case err != nil:
			return elsewhere("this kernel does not have it")
		case now == wanted:
			return so(now)
		}
		if name, isSysctl := strings.CutPrefix(file, "proc/sys/"); isSysctl {
			return todo(now, fmt.Sprintf("sysctl -w %s=%s", strings.ReplaceAll(name, "/", "."), wanted))
		}
		return todo(now, fmt.Sprintf("echo %s > /%s", wanted, file))
	}
}
