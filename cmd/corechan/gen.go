package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/corechan/corechan/codegen"
	"github.com/corechan/corechan/codegen/message"
	"github.com/corechan/corechan/codegen/service"
	"github.com/corechan/corechan/codegen/source"
)

type genCmd struct {
	Patterns []string `arg:"" optional:"" name:"packages|files" complete:"files" help:"Packages, as the go command has them (./...), or Go files. Default: the package in this directory."`
	Check    bool     `help:"Write nothing; exit with 1 if a file is not as it would be written."`
	Tests    bool     `help:"Write tests and fuzz targets beside the code, too. Those that are there are kept up to date without it."`
	JSON     bool     `name:"json" help:"Print one JSON array of the generated files and nothing else."`
}

// generators are what gen runs, in this order.
func generators() []codegen.Generator {
	return []codegen.Generator{message.Generator{}, service.Generator{}}
}

// Help is the long help.
func (genCmd) Help() string {
	return `Reads Go source and writes the code that makes messages fast and typed, beside the source, into files called
corechan_..._gen.go. Marks above a type say what is generated for it:

  //corechan:message    a struct: methods that encode and decode it, and that carry the channels, streams and files in it
  //corechan:view       a struct: a view that reads single fields of an encoded message in place
  //corechan:error      a struct that is an error: as a message; services return it whole
  //corechan:service    an interface: a client, a server and a fake of it

In a file that is named, each exported struct without a mark counts as a message. All packages are written or, if
anything is wrong, none. What is wrong is printed as file:line:column, what it is, and what to do. In a source file:

  //go:generate go tool corechan gen

JSON: an array of objects with path and action: written, removed or unchanged.

Examples:

  corechan gen
  corechan gen ./...
  corechan gen --tests messages.go
  corechan gen --check ./...`
}

// Run generates.
func (g *genCmd) Run(a *app) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	changes, err := codegen.Run(a.ctx, &codegen.Config{
		Config: source.Config{Dir: dir}, Patterns: g.Patterns, Generators: generators(), Tests: g.Tests, Check: g.Check,
	})
	var problems source.Problems
	switch {
	case errors.As(err, &problems):
		fmt.Fprintln(a.stderr, problems)
		s := "s"
		if len(problems) == 1 {
			s = ""
		}
		return fmt.Errorf("gen: %d problem%s in the source, nothing was written", len(problems), s)
	case err != nil && !errors.Is(err, codegen.ErrStale):
		return fmt.Errorf("gen: %w", err)
	}
	if g.JSON {
		if changes == nil {
			changes = []codegen.Change{}
		}
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(changes); err != nil {
			return err
		}
	} else {
		for _, c := range changes {
			if c.Action != codegen.Unchanged {
				fmt.Fprintf(a.stdout, "%s %s\n", g.verb(c.Action), filepath.ToSlash(c.Path))
			}
		}
	}
	if err != nil {
		return fmt.Errorf("gen: %w: run corechan gen, and commit what it writes", err)
	}
	return nil
}

// verb says what was done, or would be.
func (g *genCmd) verb(a codegen.Action) string {
	if !g.Check {
		return string(a)
	}
	return map[codegen.Action]string{codegen.Written: "stale", codegen.Removed: "superfluous"}[a]
}
