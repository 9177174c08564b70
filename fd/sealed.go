package fd

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// SealsWhole makes a memfd something that nobody can change any more.
const SealsWhole = SealShrink | SealGrow | SealWrite | SealSeal

// Sealed makes a memfd that holds content, for good: it can be read and sent, and changed by nobody. The caller owns it.
func Sealed(name string, content []byte) (*FD, error) {
	f, err := Memfd(name, int64(len(content)), nil)
	if err != nil {
		return nil, err
	}
	for at := 0; at < len(content); {
		n, err := retry(func() (int, error) { return unix.Pwrite(f.Int(), content[at:], int64(at)) })
		if err != nil {
			f.Close()
			return nil, opError("pwrite", name, err)
		}
		at += n
	}
	if err := f.AddSeals(SealsWhole); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// ReadSealed returns what a memfd that came from a peer holds, limit bytes at most. Only a memfd with all of [SealsWhole] is read:
// any other descriptor might block, or change meanwhile. f stays with the caller.
//
// It fails with [ErrNotSealable], with [ErrUnsealed] naming the seals that are missing, or with [ErrTooLarge].
func ReadSealed(f *FD, limit int) ([]byte, error) {
	const op = "read sealed"
	s, err := f.Seals()
	if err != nil {
		return nil, err
	}
	if missing := SealsWhole &^ s; missing != 0 {
		return nil, opError(op, "", fmt.Errorf("%w: %v missing", ErrUnsealed, missing))
	}
	var st unix.Stat_t
	if err := retry0(func() error { return unix.Fstat(f.Int(), &st) }); err != nil {
		return nil, opError("fstat", "", err)
	}
	if st.Size > int64(limit) {
		return nil, opError(op, "", fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLarge, st.Size, limit))
	}
	b := make([]byte, st.Size)
	for at := 0; at < len(b); {
		n, err := retry(func() (int, error) { return unix.Pread(f.Int(), b[at:], int64(at)) })
		switch {
		case err != nil:
			return nil, opError("pread", "", err)
		case n == 0:
			return nil, opError("pread", "", io.ErrUnexpectedEOF)
		}
		at += n
	}
	return b, nil
}
