package probe

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

const (
	procStat = "/proc/stat"
	// tick is the unit of /proc/stat for user space, on amd64 and arm64.
	tick = time.Second / 100
	// stealField is its place in a line, where 0 is the name of the core.
	stealField = 8
)

// coreSteal is what /proc/stat says of one core.
type coreSteal struct {
	id    int
	steal time.Duration
}

// readProcStat returns the cores that are online, in order.
func readProcStat() ([]coreSteal, error) {
	b, err := os.ReadFile(procStat)
	if err != nil {
		return nil, err
	}
	return parseProcStat(b)
}

func parseProcStat(b []byte) ([]coreSteal, error) {
	var cores []coreSteal
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) == 0 || !bytes.HasPrefix(fields[0], []byte("cpu")) {
			break // the cores come first
		}
		if len(fields[0]) == len("cpu") {
			continue // all of them together
		}
		id, err := strconv.Atoi(string(fields[0][len("cpu"):]))
		if err != nil || id < 0 || len(fields) <= stealField {
			return nil, fmt.Errorf("%s: %q is not what Linux writes", procStat, line)
		}
		ticks, err := strconv.ParseInt(string(fields[stealField]), 10, 48)
		if err != nil {
			return nil, fmt.Errorf("%s: steal of core %d: %w", procStat, id, err)
		}
		cores = append(cores, coreSteal{id, time.Duration(ticks) * tick})
	}
	if len(cores) == 0 {
		return nil, fmt.Errorf("%s names no core", procStat)
	}
	return cores, nil
}
