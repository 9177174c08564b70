// Package codegen writes Go code from Go source: it is what corechan gen runs. See docs/codegen.md for its use.
//
//	source           loads packages, finds the marked types, collects problems
//	codegen          runs generators over packages, and writes their files
//	codegen/message  methods, views and tests of messages
//
// # A further generator
//
// A generator is a [Generator]: it gets a package at a time, looks at its marks, and prints code to a [File], which keeps the
// imports. What it cannot work with, it adds to the problems, by name, with position and remedy. It is given to [Run] in
// [Config.Generators], and has files of its own, by its name:
//
//	corechan_NAME_gen.go         what it printed to Output.Code
//	corechan_NAME_gen_test.go    what it printed to Output.Test, if tests were asked for
//
// # How files are written
//
// All or none: as long as any package has a problem nothing is written. Each file is complete before it takes the place of the one
// before, begins with [source.Header], is formatted as gofmt does, and depends on nothing but the source. A file that
// nothing is left for is removed; one by its name that does not begin with the header is somebody else's, and is a problem.
package codegen
