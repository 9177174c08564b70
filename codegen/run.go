package codegen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/corechan/corechan/codegen/source"
)

// ErrStale is what Run returns with Config.Check if a file is not as it would be written.
var ErrStale = errors.New("generated code is stale")

// A Config says what to generate.
type Config struct {
	source.Config
	// Patterns are packages and files, as source.Load has them.
	Patterns []string
	// Generators are run in this order.
	Generators []Generator
	// Tests asks for tests beside the code. Without it, tests that were generated before are kept up to date.
	Tests bool
	// Check writes nothing, and finds out what would be written.
	Check bool
}

// A Change is what happened, or with Config.Check would have happened, to a generated file.
type Change struct {
	Path   string `json:"path"` // relative to Config.Dir where it is below it
	Action Action `json:"action"`
}

// An Action is one of "written", "removed" and "unchanged".
type Action string

// The actions.
const (
	Written   Action = "written"
	Removed   Action = "removed"
	Unchanged Action = "unchanged"
)

// A target is a file with what is to be in it; nil: nothing, so that it should not be there.
type target struct {
	path    string
	content []byte
	change  Action
}

// Run generates code. The error is source.Problems if the source is at fault: then nothing was written. With Check it is ErrStale if a
// file is not as it should be, and the changes say which.
func Run(ctx context.Context, cfg *Config) ([]Change, error) {
	packages, problems, err := source.Load(ctx, &cfg.Config, cfg.Patterns...)
	if err != nil {
		return nil, err
	}
	var targets []*target
	for _, p := range packages {
		for _, g := range cfg.Generators {
			made, wrong, err := generate(p, g, cfg.Tests)
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", g.Name(), p.Path, err)
			}
			targets = append(targets, made...)
			problems = append(problems, wrong...)
		}
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return apply(cfg, targets)
}

// generate runs one generator over one package.
func generate(p *source.Package, g Generator, tests bool) ([]*target, source.Problems, error) {
	code := &target{path: filepath.Join(p.Dir, "corechan_"+g.Name()+"_gen.go")}
	test := &target{path: strings.TrimSuffix(code.path, ".go") + "_test.go"}
	var problems source.Problems
	for _, t := range []*target{code, test} {
		switch before, err := os.ReadFile(t.path); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, nil, err
		case !source.IsGenerated(before):
			problems.Addf(token.Position{Filename: t.path}, "rename it; generated code has this name",
				"this file was not written by corechan gen, and is in its way")
		case t == test:
			tests = true
		}
	}
	out := &Output{Code: NewFile(p)}
	if tests {
		out.Test = NewFile(p)
	}
	problems = append(problems, g.Generate(p, out)...)
	if len(problems) != 0 {
		return nil, problems, nil
	}
	for t, f := range map[*target]*File{code: out.Code, test: out.Test} {
		if f == nil || f.Empty() {
			continue
		}
		var err error
		if t.content, err = f.Bytes(); err != nil {
			return nil, nil, err
		}
	}
	return []*target{code, test}, nil, nil
}

// apply brings the files into the state that they should be in.
func apply(cfg *Config, targets []*target) ([]Change, error) {
	var changes []Change
	stale := false
	for _, t := range targets {
		before, err := os.ReadFile(t.path)
		exists := err == nil
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err
		case !exists && t.content == nil:
			continue
		case t.content == nil:
			t.change = Removed
		case exists && bytes.Equal(before, t.content):
			t.change = Unchanged
		default:
			t.change = Written
		}
		stale = stale || t.change != Unchanged
		changes = append(changes, Change{Path: relative(cfg.Dir, t.path), Action: t.change})
	}
	if cfg.Check {
		if stale {
			return changes, ErrStale
		}
		return changes, nil
	}
	return changes, write(targets)
}

// write puts all new files beside the old ones before the first takes its place.
func write(targets []*target) (err error) {
	temporary := map[*target]string{}
	defer func() {
		for _, path := range temporary {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	for _, t := range targets {
		if t.change != Written {
			continue
		}
		f, err := os.CreateTemp(filepath.Dir(t.path), ".corechan-gen-*")
		if err != nil {
			return err
		}
		temporary[t] = f.Name()
		_, err = f.Write(t.content)
		if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
			return err
		}
	}
	for _, t := range targets {
		switch t.change {
		case Written:
			if err := os.Rename(temporary[t], t.path); err != nil {
				return err
			}
			delete(temporary, t)
		case Removed:
			if err := os.Remove(t.path); err != nil {
				return err
			}
		}
	}
	return nil
}

func relative(dir, path string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(abs, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
