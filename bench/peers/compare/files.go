package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/corechan/corechan/bench/peers/peer"
)

// Files writes the report into a folder: compare.json, compare.md, and a picture for each case; of a disturbed run compare.noisy.json and so
// on. It returns their names. Pictures of an earlier report are removed, so that none is of another run than the others.
func Files(dir string, r *Report) (names []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	noisy := r.Disturbance.Disturbed()
	old, err := filepath.Glob(filepath.Join(dir, "compare-*.svg"))
	if err != nil {
		return nil, err
	}
	for _, name := range old {
		if noisyName.MatchString(name) != noisy {
			continue
		}
		if err := os.Remove(name); err != nil {
			return nil, err
		}
	}
	write := func(name string, content []byte) error {
		name = filepath.Join(dir, name)
		names = append(names, name)
		return replace(name, content)
	}
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return nil, err
	}
	if err := write(fileName("compare", ".json", noisy), append(b, '\n')); err != nil {
		return names, err
	}
	var md bytes.Buffer
	markdown(&md, r)
	if err := write(fileName("compare", ".md", noisy), md.Bytes()); err != nil {
		return names, err
	}
	for i := range r.Cases {
		c := &r.Cases[i]
		if len(c.Rows) == 0 {
			continue
		}
		svg, err := draw(c)
		if err != nil {
			return names, fmt.Errorf("draw %s: %w", c.Case, err)
		}
		if err := write(pictureName(c.Case, noisy), svg); err != nil {
			return names, err
		}
	}
	return names, nil
}

func pictureName(c peer.Case, noisy bool) string {
	return fileName(fmt.Sprintf("compare-%s-%d", c.Kind, c.Size), ".svg", noisy)
}

// noisyName is what the names of files of a disturbed run are like: they do not take the place of those of a quiet one.
var noisyName = regexp.MustCompile(`\.noisy\.[a-z]+$`)

func fileName(name, extension string, noisy bool) string {
	if noisy {
		return name + ".noisy" + extension
	}
	return name + extension
}

// replace writes a file whole or not at all: a full disk leaves the one that was there.
func replace(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
