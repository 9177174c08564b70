package message_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corechan/corechan/codegen"
	"github.com/corechan/corechan/codegen/message"
	"github.com/corechan/corechan/codegen/source"
)

// generate runs the generator over a module of one file, and returns what is wrong with it and the folder.
func generate(t *testing.T, text string, patterns ...string) (dir string, problems source.Problems) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.26\n", "m.go": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := codegen.Run(t.Context(), &codegen.Config{
		Config: source.Config{Dir: dir}, Patterns: patterns, Generators: []codegen.Generator{message.Generator{}}, Tests: true,
	})
	if err != nil && !errors.As(err, &problems) {
		t.Fatal(err)
	}
	return dir, problems
}

func TestWhatCannotBeEncodedIsRefusedByName(t *testing.T) {
	for name, test := range map[string]struct {
		fields string // of M, from line 6 on
		says   []string
	}{
		"func":              {"F func()", []string{"m.go:6:2: field F of M is a func(), which cannot be sent: send data"}},
		"chan":              {"Done chan int", []string{"m.go:6:2: field Done of M is a chan int, which", "use an engine.Sender[int]"}},
		"receiving chan":    {"Done <-chan int", []string{"use an engine.Receiver[int]"}},
		"complex":           {"C complex128", []string{"m.go:6:2: field C of M is a complex128", "two floats"}},
		"unsafe":            {"P unsafe.Pointer", []string{"m.go:6:2: field P of M is an unsafe.Pointer", "an address means nothing"}},
		"uintptr":           {"P uintptr", []string{"m.go:6:2: field P of M is a uintptr", "uint64"}},
		"error":             {"E error", []string{"m.go:6:2: field E of M is an error", "//corechan:error"}},
		"interface":         {"S interface{ String() string }", []string{"m.go:6:2: field S of M is an interface", "concrete type"}},
		"a cycle":           {"M M", []string{"m.go:5:6: M: invalid recursive type: M refers to itself", "pointer or slice"}},
		"deep":              {"A map[string][]struct{ F func() }", []string{"m.go:6:25: field F of an element of field A of M is a func()"}},
		"behind a pointer":  {"A *func()", []string{"m.go:6:2: field A of M, an element, is a func()"}},
		"unexported tagged": {"name string `msg:\"name\"`", []string{"m.go:6:2: field name of M has a tag and is not exported: export it"}},
		"same name":         {"A int `msg:\"x\"`\nB int `msg:\"x\"`", []string{`m.go:7:2: field B of M has the name "x", as another field has`, "the first is at m.go:6:2"}},
		"name of another":   {"A int\nB int `msg:\"A\"`", []string{`m.go:7:2: field B of M has the name "A"`}},
		"unknown option":    {"A int `msg:\"a,omitmepty\"`", []string{`m.go:6:2: field A of M has the option "omitmepty"`, "omitempty, omitzero"}},
		"zerocopy":          {"A []byte `msg:\",zerocopy\"`", []string{"m.go:6:2: field A of M has the option zerocopy"}},
		"bad limit":         {"A []byte `msg:\",limit=x\"`", []string{`m.go:6:2: field A of M has the option "limit=x"`}},
		"omitzero":          {"A int `msg:\",omitzero\"`", []string{"m.go:6:2: field A of M has the option omitzero", "use omitempty"}},
		"quoted name":       {"A int `msg:\"a\\\"b\"`", []string{"m.go:6:2: field A of M has the name", "letters"}},
		"flattened int":     {"A int `msg:\",flatten\"`", []string{"m.go:6:2: field A of M is flattened, and is no embedded struct"}},
		"hidden embedded":   {"lower", []string{"m.go:6:2: field lower of M is embedded and not exported"}},
		"same when flat":    {"Z string\nlower `msg:\",flatten\"`", []string{`field Z of M has the name "Z", as another`}},
		"keys":              {"A map[[2]int]string", []string{"m.go:6:2: field A of M is a map[[2]int]string, and keys are", "slice of pairs"}},
		"foreign struct":    {"B strings.Builder", []string{"m.go:6:2: field B of M is a strings.Builder, a struct of another package", "package strings"}},
		"pointer to slice":  {"A *[]int", []string{"m.go:6:2: field A of M is a *[]int", "leave the pointer out"}},
		"pointers":          {"A **int", []string{"m.go:6:2: field A of M is a **int"}},
		"unknown type":      {"A Missing", []string{"m.go:5:6: M: undefined: Missing: correct it"}},
		"in an inner one":   {"I Inner", []string{"m.go:12:2: field C of Inner is a chan bool"}},
		"a method's name":   {"Msgsize int", []string{"m.go:6:2: M has a field Msgsize, and a method of that name is generated"}},
		"promoted":          {"R io.Reader\nInner2", []string{"m.go:7:1: field Inner2 of M is embedded, so that M would have its MarshalMsg", "give the field a name"}},
		"two at once":       {"A chan int\nB func()", []string{"m.go:6:2: ", "m.go:7:2: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fields := test.fields + strings.Repeat("\n", 2-strings.Count(test.fields, "\n"))
			dir, problems := generate(t, "package m\n\nimport (\"strings\"; \"unsafe\"; \"io\")\n//corechan:message\ntype M struct {\n\t"+
				strings.ReplaceAll(fields, "\nB", "\n\tB")+
				"\n}\nvar _ strings.Builder; var _ unsafe.Pointer\ntype Inner struct {\n\tC chan bool\n}\ntype lower struct{ Z int }\ntype Inner2 struct{ A int }\nvar _ io.Reader\n")
			got := problems.Error()
			for _, s := range test.says {
				if !strings.Contains(got, s) {
					t.Errorf("%q does not say %q", got, s)
				}
			}
			if files, _ := filepath.Glob(filepath.Join(dir, "*gen*")); len(files) != 0 {
				t.Errorf("written all the same: %v", files)
			}
		})
	}
}

func TestWhatIsMarkedWronglyIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ source, says string }{
		"interface":     {"//corechan:message\ntype M interface{}", "m.go:3:1: M is an interface{}, which cannot be a message"},
		"func":          {"//corechan:message\ntype M func()", "m.go:3:1: M is a func(), which cannot be a message"},
		"option":        {"//corechan:message fast\ntype M struct{}", `m.go:3:1: "fast" is no option: the options of a message are tuple and vartuple`},
		"tuple":         {"//corechan:message tuple\ntype M []int", "m.go:3:1: M is no struct"},
		"both":          {"//corechan:message\n//corechan:error\ntype M struct{}", "m.go:4:1: M is marked as a message and as an error"},
		"field":         {"//corechan:message\ntype M struct {\n//corechan:inline\nA int }", "m.go:5:1: //corechan:inline is nothing for the fields"},
		"own method":    {"//corechan:message\ntype M struct{}\nfunc (M) MarshalMsg() {}", "m.go:5:10: M has a method MarshalMsg, which is generated: remove it"},
		"view alone":    {"//corechan:view\ntype M struct{}", "m.go:3:1: M is no message, and a view reads those"},
		"view option":   {"//corechan:message\n//corechan:view x\ntype M struct{}", `m.go:4:1: "x" is no option`},
		"view of slice": {"//corechan:message\n//corechan:view\ntype M []int", "m.go:4:1: M is no struct"},
		"view's name":   {"//corechan:message\n//corechan:view\ntype M struct{}\ntype MView int", "m.go:6:6: MView is what the view of M is called"},
		"msgp":          {"//corechan:message\ntype M struct{}\nvar msgp int", "m.go:5:5: msgp is what the generated code calls a package"},
		"generic":       {"//corechan:message\ntype M[T any] struct{ A T }", "m.go:4:23: field A of M is a T, which cannot be sent: add a parameter"},
		"a local":       {"//corechan:message\ntype M struct{ A o }\ntype o int", "m.go:4:16: field A of M is an o, and variables of the generated code"},
		"local kept":    {"//corechan:message\ntype field struct{}", "m.go:4:6: field is what a variable of the generated code is called"},
		"msgp's marks":  {"//msgp:tuple M\n\n//corechan:message\ntype M struct{}", "m.go:3:1: //msgp:tuple M is not read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := generate(t, "package m\n\n"+test.source+"\n")
			if got := problems.Error(); !strings.HasPrefix(got, test.says) {
				t.Errorf("%q does not say %q", got, test.says)
			}
		})
	}
}

func TestAFileOfSomebodyElseIsNotOverwritten(t *testing.T) {
	dir, problems := generate(t, "package m\n\ntype M struct{}\n")
	if problems != nil {
		t.Fatal(problems)
	}
	path := filepath.Join(dir, "corechan_messages_gen.go")
	mine := []byte("package m\n\n// mine\n")
	if err := os.WriteFile(path, mine, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := codegen.Run(t.Context(), &codegen.Config{Config: source.Config{Dir: dir}, Patterns: []string{"m.go"}, Generators: []codegen.Generator{message.Generator{}}})
	if err == nil || !strings.Contains(err.Error(), "was not written by corechan gen") {
		t.Error(err)
	}
	if b, _ := os.ReadFile(path); string(b) != string(mine) {
		t.Errorf("it is %q now", b)
	}
}
