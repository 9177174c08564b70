package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How files end: a noisy result by both, x.noisy.json.
const (
	suffix = ".json"
	noisy  = ".noisy"
)

// maxNames bounds how many results of one kind a folder may have from the same second.
const maxNames = 1000

// CheckTarget says whether Write could write there now, so that it is known before a long measurement. Nothing is left behind
// but the folder, if there was none.
func CheckTarget(target string) error {
	dir, _ := split(target)
	f, err := create(dir)
	if err != nil {
		return explain(target, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Write writes a result to target, and returns the file's path. An existing folder, or what ends in a slash, gets a file named after
// the kind and the time, next to those that are there. Anything else is the file's own name, and a file of this name is replaced. In
// either case a noisy result has .noisy before the name's end.
//
// The file appears when it is complete and on the disk. Format and version are set, and text that cannot be shown is made such that
// can.
func Write(target string, r *Result) (path string, err error) {
	b, err := r.encode()
	if err != nil {
		return "", err
	}
	dir, name := split(target)
	f, err := create(dir)
	if err != nil {
		return "", explain(target, err)
	}
	defer func() {
		if err != nil {
			err = explain(target, err)
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if name != "" {
		path = filepath.Join(dir, marked(name, r.Noisy()))
		return path, os.Rename(f.Name(), path)
	}
	when := r.Environment.Time
	if when.IsZero() {
		when = time.Now()
	}
	return place(f.Name(), dir, fmt.Sprintf("%s-%s", fileName(r.Kind), when.UTC().Format("20060102T150405Z")), r.Noisy())
}

// encode is what Write writes.
func (r *Result) encode() ([]byte, error) {
	r.Format, r.Version = Format, Version
	cleanTexts(reflect.ValueOf(r).Elem())
	if err := r.check(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode the result: %w", err)
	}
	b = append(b, '\n')
	if n := values(b); len(b) > MaxFile || n > MaxValues {
		return nil, fmt.Errorf("%w: %d bytes, %d values; %d and %d at most", ErrTooLarge, len(b), n, MaxFile, MaxValues)
	}
	return b, nil
}

// place gives a complete file the first name that is free.
func place(from, dir, base string, isNoisy bool) (string, error) {
	for n := 1; n <= maxNames; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		path := filepath.Join(dir, marked(name+suffix, isNoisy))
		err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that cannot look and rename in one step
			if _, err = os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
				err = os.Rename(from, path)
			} else if err == nil {
				err = fs.ErrExist
			}
		}
		switch {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrExist):
			return "", &os.LinkError{Op: "rename", Old: from, New: path, Err: err}
		}
	}
	return "", fmt.Errorf("%s: there are %d results of this second", filepath.Join(dir, base), maxNames)
}

// create makes the file that becomes the result, and the folder, if its parent is there.
func create(dir string) (*os.File, error) {
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	f, err := os.CreateTemp(dir, ".corechan-perf-*")
	if err != nil {
		return nil, err
	}
	return f, f.Chmod(0o644)
}

// split says in which folder a target is, and by which name; none if the folder is the target.
func split(target string) (dir, name string) {
	if strings.HasSuffix(target, "/") {
		return filepath.Clean(target), ""
	}
	if info, err := os.Stat(target); err == nil && info.IsDir() {
		return target, ""
	}
	return filepath.Dir(target), filepath.Base(target)
}

// marked is a file's name with .noisy in it, if the result is, and only then.
func marked(name string, isNoisy bool) string {
	base, isResult := strings.CutSuffix(name, suffix)
	base = strings.TrimSuffix(base, noisy)
	if isNoisy {
		base += noisy
	}
	if isResult {
		base += suffix
	}
	return base
}

// fileName keeps of a kind what may stand in a file's name.
func fileName(kind string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, kind)
}

// explain says what to do about a target that cannot be written to.
func explain(target string, err error) error {
	advice := ""
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		advice = "; make room there, or name another place with --out. Nothing was left behind"
	case errors.Is(err, unix.EROFS), errors.Is(err, fs.ErrPermission):
		advice = "; name another place with --out"
	case errors.Is(err, fs.ErrNotExist):
		advice = "; make the folder first"
	}
	return fmt.Errorf("write the result to %s: %w%s", target, err, advice)
}
