// Command pictures draws results of corechan perf as SVG, for pages that cannot hold an HTML report, such as a README: percentile curves,
// and how times went. They follow the reader's light or dark colours.
//
//	cd bench/pictures && go run . -o ../results ../results/*.json
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/corechan/corechan/perf/result"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// run draws what the arguments say, and prints the names of the pictures.
func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("pictures", flag.ContinueOnError)
	dir := flags.String("o", ".", "folder for the pictures; those of the same name are replaced")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return fmt.Errorf("no result is given; corechan perf writes one with --out")
	}
	var all []named
	for _, path := range flags.Args() {
		results, err := result.ReadAll(path)
		if err != nil {
			return err
		}
		base := strings.TrimSuffix(filepath.Base(path), ".json")
		for i, r := range results {
			name := base
			if len(results) > 1 {
				name = fmt.Sprintf("%s-%d", base, i+1)
			}
			all = append(all, named{name, r})
		}
	}
	pictures, err := drawAll(all)
	if err != nil {
		return err
	}
	if len(pictures) == 0 {
		return fmt.Errorf("none of the results has times; streams are not timed message by message")
	}
	for _, p := range pictures {
		path := filepath.Join(*dir, p.name+".svg")
		if err := replace(path, p.svg); err != nil {
			return err
		}
		fmt.Fprintln(out, path)
	}
	return nil
}

// replace writes a file so that a reader sees the old one or the new one as a whole.
func replace(path string, content []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, 0o644); err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return os.Rename(temporary, path)
}

// named is a result and the name of its pictures.
type named struct {
	name   string
	result *result.Result
}

// picture is a file to be.
type picture struct {
	name string
	svg  []byte
}

// drawAll makes one picture of percentile curves for each kind, and one of how its times went for each system.
func drawAll(all []named) (pictures []picture, err error) {
	var kinds []string
	lines := map[string][]line{}
	for _, n := range all {
		kind := n.result.Kind
		for i := range n.result.Subjects {
			s := &n.result.Subjects[i]
			for j := range s.Timings {
				t := &s.Timings[j]
				if t.Count == 0 {
					continue
				}
				name := s.Name
				if len(all) > 1 {
					name = n.name + ": " + name
				}
				if len(s.Timings) > 1 {
					name += ", " + t.Name
				}
				if lines[kind] == nil {
					kinds = append(kinds, kind)
				}
				lines[kind] = append(lines[kind], line{name: name, limit: s.Role != result.System, timing: t})
				if s.Role != result.System || len(t.Intervals) < 2 {
					continue
				}
				svg, err := heatMap(n.name+": "+s.Name+", "+t.Name, t)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", n.name, err)
				}
				pictures = append(pictures, picture{fileName(n.name + "-" + s.Name + "-" + t.Name + "-over-time"), svg})
			}
		}
	}
	for _, kind := range kinds {
		svg, err := percentiles(kind, lines[kind])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		pictures = append(pictures, picture{fileName(kind + "-percentiles"), svg})
	}
	return pictures, nil
}

// fileName keeps what may stand in a file's name.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		}
		return '-'
	}, s)
}
