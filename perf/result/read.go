package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ReadFile reads one result.
func ReadFile(path string) (*Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// ReadAll reads the results at a path: a file, or all files of a folder that end in .json, in the order of their names.
func ReadAll(path string) ([]*Result, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		r, err := ReadFile(path)
		if err != nil {
			return nil, err
		}
		return []*Result{r}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var all []*Result
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		if len(all) == MaxFiles {
			return nil, fmt.Errorf("%w: %s has more than %d results", ErrTooLarge, path, MaxFiles)
		}
		r, err := ReadFile(filepath.Join(path, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: the folder %s has no %s files; corechan perf writes one with --out %s", ErrMalformed, path, suffix, path)
	}
	return all, nil
}

// MaxFiles bounds how many results a folder may have.
const MaxFiles = 1000

// Read reads one result, whoever wrote it.
func Read(from io.Reader) (*Result, error) { return readWithin(from, MaxFile, MaxValues) }

// readWithin reads a result of that many bytes and values at most.
func readWithin(from io.Reader, bytesAtMost, valuesAtMost int) (*Result, error) {
	b, err := io.ReadAll(io.LimitReader(from, int64(bytesAtMost)+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > bytesAtMost:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, bytesAtMost)
	}
	if n := values(b); n > valuesAtMost {
		return nil, fmt.Errorf("%w: %d values; %d at most", ErrTooLarge, n, valuesAtMost)
	}
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, malformed(b, err)
	}
	switch {
	case head.Format != Format:
		return nil, fmt.Errorf("%w: its format is %q and not %q; corechan perf writes one with --out", ErrMalformed, shorten(head.Format), Format)
	case head.Version > Version:
		return nil, fmt.Errorf("%w: version %d was written by a newer corechan; this one reads up to %d", ErrVersion, head.Version, Version)
	case head.Version < 1:
		return nil, fmt.Errorf("%w: there is no version %d", ErrVersion, head.Version)
	}
	r := &Result{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, malformed(b, err)
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// values counts what stands in lists and objects, before memory is made for any of it. An upper bound: text is skipped, and what
// is no JSON is refused later.
func values(b []byte) int {
	n := 1
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case ',', '[', '{':
			n++
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		}
	}
	return n
}

// malformed says where the file stops making sense.
func malformed(b []byte, err error) error {
	at := int64(-1)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	}
	if errors.Is(err, ErrMalformed) {
		return err
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return fmt.Errorf("%w: it is empty", ErrMalformed)
	}
	if at < 0 || at > int64(len(b)) {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	line := 1 + bytes.Count(b[:at], []byte{'\n'})
	return fmt.Errorf("%w: line %d: %w", ErrMalformed, line, err)
}

// Find returns the subject that is the same as one of another result, or nil.
func (r *Result) Find(s *Subject) *Subject {
	key := s.Key()
	i := slices.IndexFunc(r.Subjects, func(o Subject) bool { return o.Key() == key })
	if i < 0 {
		return nil
	}
	return &r.Subjects[i]
}
