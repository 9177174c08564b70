package source_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/corechan/corechan/codegen/source"
)

// module writes a module into a temporary folder and returns the folder.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example.com/m\n\ngo 1.26\n"
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, dir string, patterns ...string) ([]*source.Package, source.Problems) {
	t.Helper()
	ps, problems, err := source.Load(t.Context(), &source.Config{Dir: dir}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	return ps, problems
}

func marks(ps []*source.Package) (found []string) {
	for _, p := range ps {
		for _, m := range p.Marks {
			s := string(m.Kind) + " " + p.Name + "." + m.Name()
			if len(m.Options) != 0 {
				s += " " + strings.Join(m.Options, ",")
			}
			for _, i := range m.Inner {
				s += " +" + i.Word
			}
			found = append(found, s)
		}
	}
	return found
}

func TestMarksAreFound(t *testing.T) {
	dir := module(t, map[string]string{
		"a/a.go": `package a

// An Order is one.
//
//corechan:message tuple fast
//corechan:view
type Order struct{ ID uint64 }

type (
	// Fill is in a group.
	//
	//corechan:error
	Fill struct{}

	//corechan:service
	Book interface {
		//corechan:oneway
		Place(o *Order)
		Cancel() //corechan:inline now
	}
)

type plain struct{}
`,
		"b/b.go": "package b\n\nimport \"example.com/m/a\"\n\n//corechan:message\ntype B struct{ A a.Order }\n",
	})
	ps, problems := load(t, dir, "./...")
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	want := []string{"message a.Order tuple,fast", "view a.Order", "error a.Fill", "service a.Book +oneway +inline", "message b.B"}
	if got := marks(ps); !slices.Equal(got, want) {
		t.Errorf("marks %q, want %q", got, want)
	}
	if pos := ps[0].Marks[0].Pos.String(); pos != "a/a.go:5:1" {
		t.Errorf("the first mark is at %s", pos)
	}
}

func TestGeneratedCodeNeedNotBeThere(t *testing.T) {
	for name, generated := range map[string]string{
		"none":         "",
		"broken":       source.Header + "\n\npackage a\n\nfunc {",
		"stale":        source.Header + "\n\npackage a\n\nfunc (o *Gone) MarshalMsg() int { return undefined }\n",
		"with clashes": source.Header + "\n\npackage a\n\ntype Order int\n",
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{
				"a/a.go": "package a\n\n//corechan:message\ntype Order struct{ ID uint64 }\n\nvar _ = (*Order)(nil).MarshalMsg\nvar _ OrderView\n",
				"b/b.go": "package b\n\nimport \"example.com/m/a\"\n\n//corechan:message\ntype B struct{ A a.Order }\nvar _ = a.OrderView{}\n",
			}
			if generated != "" {
				files["a/corechan_messages_gen.go"] = generated
			}
			dir := module(t, files)
			for _, patterns := range [][]string{{"./..."}, {"./b"}, {"./a", "./b"}} {
				ps, problems := load(t, dir, patterns...)
				if problems.Err() != nil {
					t.Fatal(problems)
				}
				b := ps[len(ps)-1]
				if s := b.Marks[0].Object.Type().Underlying().String(); s != "struct{A example.com/m/a.Order}" {
					t.Errorf("%v: B is %s", patterns, s)
				}
			}
		})
	}
}

func TestAFileByItsName(t *testing.T) {
	dir := module(t, map[string]string{
		"a.go": "package a\n\ntype Order struct{}\n\ntype hidden struct{}\n\ntype Name string\n\n//corechan:error\ntype E struct{}\n",
		"b.go": "package a\n\ntype Other struct{}\n",
	})
	ps, problems := load(t, dir, "a.go")
	if got, want := marks(ps), []string{"message a.Order", "error a.E"}; !slices.Equal(got, want) || problems.Err() != nil {
		t.Errorf("marks %q, want %q; %v", got, want, problems)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for name, test := range map[string]struct{ source, says string }{
		"no parse":     {"package a\n\ntype Order struct {", "a.go:3:20: "},
		"unknown mark": {"package a\n\n//corechan:mesage\ntype Order struct{}\n", "a.go:3:1: //corechan:mesage is no mark: the marks are //corechan:message, "},
		"empty mark":   {"package a\n\n//corechan:\ntype Order struct{}\n", "a.go:3:1: //corechan: is no mark"},
		"over a func":  {"package a\n\n//corechan:message\nfunc f() {}\n", "a.go:3:1: //corechan:message stands above no type: put it directly above"},
		"loose":        {"package a\n\n//corechan:message\n\ntype Order struct{}\n", "a.go:3:1: //corechan:message stands above no type"},
		"over a group": {"package a\n\n//corechan:message\ntype (\n\tA struct{}\n)\n", "a.go:3:1: "},
		"in a func":    {"package a\n\nfunc f() {\n\t//corechan:message\n\ttype A struct{}\n}\n", "a.go:4:2: "},
		"twice":        {"package a\n\n//corechan:message\n//corechan:message\ntype A struct{}\n", "a.go:4:1: A is marked //corechan:message twice"},
		"alias":        {"package a\n\n//corechan:message\ntype A = B\n\ntype B struct{}\n", "a.go:3:1: A is an alias"},
		"no import":    {"package a\n\nimport _ \"example.com/not/there\"\n", "a.go:3:10: "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := module(t, map[string]string{"a.go": test.source})
			_, problems := load(t, dir)
			if !strings.Contains(problems.Error(), test.says) || !strings.HasPrefix(problems.Error(), test.says[:5]) {
				t.Errorf("%q does not say %q", problems.Error(), test.says)
			}
		})
	}
}

func TestMarksInTestsAreRefused(t *testing.T) {
	dir := module(t, map[string]string{"a.go": "package a\n", "a_test.go": "package a\n\n//corechan:message\ntype A struct{}\n"})
	_, problems := load(t, dir)
	if s := problems.Error(); !strings.HasPrefix(s, "a_test.go:3:1: //corechan:message stands in a test") {
		t.Error(s)
	}
}

func TestTypeErrorsHaveTheirPlace(t *testing.T) {
	dir := module(t, map[string]string{"a.go": "package a\n\n//corechan:message\ntype A struct {\n\tOk int\n\tBad missing\n}\n"})
	ps, problems := load(t, dir)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	if err := ps[0].TypeError(ps[0].Marks[0].Spec); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	dir := module(t, map[string]string{"a.go": "package a\n", "a_windows.go": "package a\n\ntype A struct{}\n", "empty/x.txt": ""})
	_, problems := load(t, dir, "a_windows.go")
	if s := problems.Error(); !strings.Contains(s, "a_windows.go: this file is not part of a package as it is built here: set GOOS") {
		t.Error(s)
	}
	_, problems = load(t, dir, "./empty")
	if s := problems.Error(); !strings.Contains(s, "no Go files") {
		t.Error(s)
	}
	for _, patterns := range [][]string{{"none.go"}, {"./..."}} {
		if _, _, err := source.Load(t.Context(), &source.Config{Dir: filepath.Join(dir, "empty")}, patterns...); err == nil {
			t.Errorf("%v: no error", patterns)
		}
	}
}
