package fd

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxUnixAddr is the longest Unix socket address in bytes, an '@' included.
const MaxUnixAddr = 107

// ParseUnixAddr reads a Unix socket address: a path, or an abstract name if it begins with '@'. An abstract name
// belongs to the network namespace, has no permissions, and is gone with its socket; a path belongs to the mount
// namespace and obeys the permissions of its directory. A file whose name begins with '@' is written "./@name".
//
// It fails with [ErrBadAddr] if s is longer than [MaxUnixAddr], is empty, is "@" alone, or has a NUL byte. See
// unix(7).
func ParseUnixAddr(s string) (*unix.SockaddrUnix, error) {
	var why string
	switch {
	case s == "" || s == "@":
		why = "it has no name"
	case len(s) > MaxUnixAddr:
		why = fmt.Sprintf("%d bytes, the limit is %d: use a shorter directory or an abstract name", len(s), MaxUnixAddr)
	case strings.IndexByte(s, 0) >= 0:
		why = "it has a NUL byte"
	default:
		return &unix.SockaddrUnix{Name: s}, nil
	}
	return nil, opError("parse address", fmt.Sprintf("%q", s), fmt.Errorf("%w: %s", ErrBadAddr, why))
}

// isAbstract tells the two kinds of address apart.
func isAbstract(addr string) bool { return addr[0] == '@' }
