package codegen

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/corechan/corechan/codegen/source"
)

// A File is a Go file that is being generated.
type File struct {
	pkg   *source.Package
	body  bytes.Buffer
	names map[string]string // of imports, by path
	taken map[string]bool   // names that imports cannot have
}

// NewFile returns a file of the package with nothing in it. Imports will not be called as anything in the package is, nor as any of
// the locals, which are the names of variables that the printed code has.
func NewFile(p *source.Package, locals ...string) *File {
	f := &File{pkg: p, names: map[string]string{}, taken: map[string]bool{}}
	f.Reserve(locals...)
	f.Reserve(p.Types.Scope().Names()...)
	f.Reserve(types.Universe.Names()...)
	return f
}

// Reserve keeps names from being given to packages that are imported from now on.
func (f *File) Reserve(names ...string) {
	for _, n := range names {
		f.taken[n] = true
	}
}

// Import imports a package and returns what it is called in this file: name, which is its own, if that is free. For the package that
// the file is in, that is empty. What is imported has to be used.
func (f *File) Import(path, name string) string {
	if path == f.pkg.Path {
		return ""
	}
	if n, ok := f.names[path]; ok {
		return n
	}
	n := name
	for i := 2; f.taken[n]; i++ {
		n = name + strconv.Itoa(i)
	}
	f.taken[n] = true
	f.names[path] = n
	return n
}

// Ref returns what an exported name of another package is called in this file: "engine.Sender".
func (f *File) Ref(path, pkg, name string) string {
	if q := f.Import(path, pkg); q != "" {
		return q + "." + name
	}
	return name
}

// Type returns a type as it is written in this file, and imports what it needs.
func (f *File) Type(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return f.Import(p.Path(), p.Name()) })
}

// Printf prints code.
func (f *File) Printf(format string, args ...any) { fmt.Fprintf(&f.body, format, args...) }

// Write prints code.
func (f *File) Write(b []byte) (int, error) { return f.body.Write(b) }

// Empty reports whether nothing was printed.
func (f *File) Empty() bool { return f.body.Len() == 0 }

// Bytes returns the whole file. The error is a defect of what printed it: it is no Go.
func (f *File) Bytes() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\npackage %s\n\n", source.Header, f.pkg.Name)
	paths := make([]string, 0, len(f.names))
	for p := range f.names {
		paths = append(paths, p)
	}
	slices.SortFunc(paths, func(a, b string) int { // the standard library's first
		return cmp.Or(cmp.Compare(group(a), group(b)), strings.Compare(a, b))
	})
	if len(paths) != 0 {
		b.WriteString("import (\n")
		for i, p := range paths {
			if i > 0 && group(p) != group(paths[i-1]) {
				b.WriteByte('\n')
			}
			if n := f.names[p]; n != p[strings.LastIndexByte(p, '/')+1:] {
				fmt.Fprintf(&b, "%s ", n)
			}
			fmt.Fprintf(&b, "%q\n", p)
		}
		b.WriteString(")\n\n")
	}
	b.Write(f.body.Bytes())
	out, err := format.Source(b.Bytes())
	if err != nil {
		return b.Bytes(), fmt.Errorf("codegen: the generated code does not parse, which is a defect of corechan gen: %w", err)
	}
	return out, nil
}

// group tells the standard library's packages, whose paths have no dot in their first element, from others.
func group(path string) int {
	first, _, _ := strings.Cut(path, "/")
	if strings.Contains(first, ".") {
		return 1
	}
	return 0
}
