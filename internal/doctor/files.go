package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// text is a file's content without the white space around it.
func (h *Host) text(path string) (string, error) {
	b, err := fs.ReadFile(h.Files, path)
	return strings.TrimSpace(string(b)), err
}

// number is the decimal number that is all a file holds.
func (h *Host) number(path string) (int64, error) {
	s, err := h.text(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/%s holds %q, not a number", path, s)
	}
	return n, nil
}

// field is the value after "name:" in a file with a field a line, such as proc/self/status.
func (h *Host) field(path, name string) (string, error) {
	s, err := h.text(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(s) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("/%s has no %s", path, name)
}

// kilobytes is a field of that kind in proc/meminfo, in bytes.
func (h *Host) kilobytes(name string) (int64, error) {
	s, err := h.field("proc/meminfo", name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(s, "kB")), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/meminfo has %s %q", name, s)
	}
	return n << 10, nil
}

// chosen is the word in brackets in a file such as "always [madvise] never".
func (h *Host) chosen(path string) (string, error) {
	s, err := h.text(path)
	if err != nil {
		return "", err
	}
	for _, w := range strings.Fields(s) {
		if strings.HasPrefix(w, "[") && strings.HasSuffix(w, "]") {
			return w[1 : len(w)-1], nil
		}
	}
	return "", fmt.Errorf("/%s holds %q, with nothing chosen", path, s)
}

// bootOption is the value of an option on the kernel's command line. An option without
// a value is found with an empty one.
func (h *Host) bootOption(name string) (value string, found bool) {
	line, err := h.text("proc/cmdline")
	if err != nil {
		return "", false
	}
	for _, w := range strings.Fields(line) {
		key, v, _ := strings.Cut(w, "=")
		if key == name {
			value, found = v, true // the last one counts
		}
	}
	return value, found
}

// unread is the answer where a file could not be read or made no sense.
func unread(err error) answer {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return unknown(fmt.Sprintf("/%s: %v", pe.Path, pe.Err), "")
	}
	return unknown(err.Error(), "")
}

// size writes bytes as people do: 256 KiB, 1.5 GiB.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	v, u := float64(n)/1024, 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	return fmt.Sprintf("%s %ciB", strconv.FormatFloat(v, 'f', decimals(v), 64), units[u])
}

// decimals is 0 where a decimal would say nothing.
func decimals(v float64) int {
	if v >= 100 || v == float64(int64(v)) {
		return 0
	}
	return 1
}
