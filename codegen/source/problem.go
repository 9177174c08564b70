package source

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"
	"strings"
)

// A Problem is something in the source that a generator cannot work with.
type Problem struct {
	Pos token.Position
	// What is wrong, such as "field Done of Order is a chan int, which cannot be sent".
	What string
	// Remedy says what to do, such as "use an engine.Sender[int]".
	Remedy string
}

// String returns "file:line:column: what: remedy".
func (p Problem) String() string {
	s := p.What
	if p.Pos.IsValid() || p.Pos.Filename != "" {
		s = p.Pos.String() + ": " + s
	}
	if p.Remedy != "" {
		s += ": " + p.Remedy
	}
	return s
}

// Problems are an error if there are any: see Err.
type Problems []Problem

// Addf adds a problem; what it says is formatted with args, the remedy is not.
func (ps *Problems) Addf(pos token.Position, remedy, what string, args ...any) {
	*ps = append(*ps, Problem{Pos: pos, What: fmt.Sprintf(what, args...), Remedy: remedy})
}

// Error returns the problems, one a line, as they stand in the source.
func (ps Problems) Error() string {
	sorted := slices.Clone(ps)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	lines := make([]string, 0, len(sorted))
	for _, p := range slices.Compact(sorted) {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems as an error, nil if there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}
