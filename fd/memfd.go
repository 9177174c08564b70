package fd

import (
	"golang.org/x/sys/unix"
)

// MemfdOptions says how to make a memfd. The zero value and nil mean the defaults.
type MemfdOptions struct {
	// Huge asks for pages of the system's default huge size. The size must then be a multiple of that size (in
	// /proc/meminfo as Hugepagesize), and enough such pages must be free (vm.nr_hugepages): mmap(2), rather than
	// Memfd, fails with ENOMEM if they are not. Default: pages of the usual size.
	Huge bool
}

// Memfd makes anonymous memory of size bytes, all zero, that can be mapped, sealed and sent. The caller owns it. It
// has no name in any file system, so that it is gone with its last descriptor and mapping, also after kill -9; name,
// of at most 249 bytes, is only shown in /proc/*/maps.
//
// Where the kernel knows MFD_NOEXEC_SEAL (6.3) the memory cannot be executed from, and carries [SealExec].
//
// A negative size, too long a name, or a size that does not fit huge pages fails with EINVAL; no descriptor left is
// [ErrExhausted]. See memfd_create(2).
func Memfd(name string, size int64, o *MemfdOptions) (*FD, error) {
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	if o != nil && o.Huge {
		flags |= unix.MFD_HUGETLB
	}
	n, err := retry(func() (int, error) { return unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL) })
	if err == unix.EINVAL { // an older kernel, or else the second try says what is wrong
		n, err = retry(func() (int, error) { return unix.MemfdCreate(name, flags) })
	}
	if err != nil {
		return nil, opError("memfd_create", name, err)
	}
	f := New(n)
	if err := retry0(func() error { return unix.Ftruncate(n, size) }); err != nil {
		f.Close()
		return nil, opError("ftruncate", name, err)
	}
	return f, nil
}
