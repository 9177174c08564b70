package doctor

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// segmentSeals are those that a segment carries before its peer maps it.
const segmentSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL

// brokenSeal says what a sealed memfd allowed, or refused, against the promise.
type brokenSeal struct{ what string }

func (e *brokenSeal) Error() string { return e.what }

// tryFutureWrite makes a memfd, maps it writable and seals it, as a segment is. Then it
// tries what the seals must refuse, and what they must leave to the owner.
func tryFutureWrite() error {
	size := os.Getpagesize()
	fd, err := unix.MemfdCreate("corechan-doctor", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return fmt.Errorf("memfd_create: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return fmt.Errorf("ftruncate: %w", err)
	}
	owner, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	defer unix.Munmap(owner)
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, segmentSeals); err != nil {
		return fmt.Errorf("F_ADD_SEALS: %w", err)
	}
	peer, err := unix.Mmap(fd, 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return &brokenSeal{"a read-only mapping was refused: " + err.Error()}
	}
	defer unix.Munmap(peer)

	owner[0] = 42 // must neither fault nor stay unseen
	if peer[0] != 42 {
		return &brokenSeal{"the owner's write did not reach the peer"}
	}
	return refusedToAll(fd, size, peer)
}

// refusedToAll tries every way to write or cut a sealed memfd.
func refusedToAll(fd, size int, peer []byte) error {
	const holePunch = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	_, writeErr := unix.Pwrite(fd, []byte{1}, 0)
	_, sealErr := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
	for _, try := range []struct {
		what string
		err  error
	}{
		{"a new writable mapping", mapWritable(fd, size)},
		{"a writable mapping of a reopened descriptor", mapReopened(fd, size)},
		{"mprotect to writable", unix.Mprotect(peer, unix.PROT_READ|unix.PROT_WRITE)},
		{"write", writeErr},
		{"shrinking", unix.Ftruncate(fd, 0)},
		{"growing", unix.Ftruncate(fd, int64(2*size))},
		{"hole punching", unix.Fallocate(fd, holePunch, 0, int64(size))},
		{"a further seal", sealErr},
	} {
		if try.err == nil {
			return &brokenSeal{try.what + " was allowed"}
		}
	}
	return nil
}

func mapWritable(fd, size int) error {
	m, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	return unix.Munmap(m)
}

func mapReopened(fd, size int) error {
	again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(again)
	return mapWritable(again, size)
}

// seals answers for the memfd probe, which fails in more ways than the others.
func seals(err error) answer {
	var broken *brokenSeal
	if errors.As(err, &broken) {
		return missing("not kept: "+broken.what, "Linux 5.1 or newer, with a real tmpfs behind memfd_create")
	}
	return probed(err, "tried and kept: shrink, grow, future write, seal", "5.1")
}
