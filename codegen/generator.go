package codegen

import "github.com/corechan/corechan/codegen/source"

// A Generator makes code of one sort from marked types. It is used by one goroutine at a time.
type Generator interface {
	// Name is part of the names of the generated files: lower case letters, "messages".
	Name() string
	// Generate prints what the marks of p ask for, nothing if no mark is for this generator, and returns what is wrong with them.
	// If anything is, what was printed is not used.
	Generate(p *source.Package, out *Output) source.Problems
}

// An Output is what a Generator writes for a package.
type Output struct {
	// Code becomes part of the package; it is not nil.
	Code *File
	// Test becomes a test of the package, in the package itself. It is nil if no tests are asked for.
	Test *File
}
