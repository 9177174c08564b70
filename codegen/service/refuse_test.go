package service_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corechan/corechan/codegen"
	"github.com/corechan/corechan/codegen/message"
	"github.com/corechan/corechan/codegen/service"
	"github.com/corechan/corechan/codegen/source"
)

func TestTheGoldenCodeIsWhatIsGenerated(t *testing.T) {
	changes, err := codegen.Run(t.Context(), &codegen.Config{
		Config: source.Config{Dir: "../../internal"}, Patterns: []string{"./shop", "./shop2"}, Check: true,
		Generators: []codegen.Generator{message.Generator{}, service.Generator{}},
	})
	check(t, err)
	equal(t, len(changes), 4)
}

// generate runs the generator over a module of one file, and returns what is wrong with it and the folder.
func generate(t *testing.T, text string) (dir string, problems source.Problems) {
	t.Helper()
	return generateAll(t, map[string]string{"m.go": text})
}

// generateAll is generate for the package in the module's root, of several files and packages.
func generateAll(t *testing.T, files map[string]string) (dir string, problems source.Problems) {
	t.Helper()
	dir = t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/m\n\ngo 1.26\n"), 0o600))
	for name, content := range files {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	_, err := codegen.Run(t.Context(), &codegen.Config{Config: source.Config{Dir: dir}, Generators: []codegen.Generator{service.Generator{}}})
	if err != nil && !errors.As(err, &problems) {
		t.Fatal(err)
	}
	return dir, problems
}

func TestWhatCannotBeAServiceIsRefusedByName(t *testing.T) {
	const head = "package m\n\nimport \"context\"\nvar _ context.Context\n//corechan:service\n"
	for name, test := range map[string]struct{ text, says string }{
		"a struct":          {"type S struct{}", "m.go:5:1: S is no interface: mark an interface"},
		"type parameters":   {"type S[T any] interface{ M(ctx context.Context) error }", "m.go:5:1: S has type parameters"},
		"a constraint":      {"type S interface{ ~int }", "m.go:5:1: S is a constraint"},
		"nothing":           {"type S interface{}", "m.go:5:1: S has no methods: give it methods"},
		"does not compile":  {"type S interface{ M(ctx context.Context, x Missing) error }", "m.go:5:1: S: undefined: Missing"},
		"no context":        {"type S interface{\nM(x int) error }", "m.go:7:1: the first parameter of S.M is no context: give it ctx context.Context"},
		"no error":          {"type S interface{\nM(ctx context.Context) int }", "m.go:7:1: the last result of S.M is no error"},
		"one-way results":   {"type S interface{\n//corechan:oneway\nM(ctx context.Context) (int, error) }", "m.go:8:1: S.M has results, and nobody waits"},
		"unknown directive": {"type S interface{\n//corechan:fast\nM(ctx context.Context) error }", "m.go:7:1: //corechan:fast is nothing for a method"},
		"unexported":        {"type S interface{\nm(ctx context.Context) error }", "m.go:7:1: S.m is not exported"},
		"chan":              {"type S interface{\nM(ctx context.Context, c chan int) error }", "m.go:7:24: S.M: parameter c is a chan int, which cannot be sent: use an engine.Receiver"},
		"func":              {"type S interface{\nM(ctx context.Context) (func(), error) }", "is a func(), which cannot be sent: pass an interface that is marked //corechan:service"},
		"struct":            {"type T struct{}\ntype S2 interface{}\n//corechan:service\ntype S interface{\nM(ctx context.Context, t T) error }", "S.M: parameter t is a T, which cannot be sent: mark it //corechan:message"},
		"in a list":         {"type S interface{\nM(ctx context.Context, t []map[string]complex128) error }", "is a complex128, which cannot be sent: use two floats"},
		"keys":              {"type S interface{\nM(ctx context.Context, t map[[2]int]int) error }", "use keys that are strings or numbers"},
		"interface":         {"type S interface{\nM(ctx context.Context, t interface{ N() }) error }", "mark it //corechan:service"},
		"itself":            {"type T []T\n//corechan:service\ntype S interface{\nM(ctx context.Context, t T) error }", "m.go:8:24: S.M: parameter t contains itself: mark a struct that is in it"},
		"a cycle":           {"type T struct{ T T }\n//corechan:service\ntype S interface{\nM(ctx context.Context, t *T) error }", "S.M: parameter t is a T, which cannot be sent: correct its declaration, which does not compile"},
		"generic":           {"type T[X any] struct{ V X }\n//corechan:service\ntype S interface{\nM(ctx context.Context, t T[int]) error }", "S.M: parameter t is a T[int], which cannot be sent: mark it //corechan:message"},
		"in one embedded":   {"type T interface{\nB\n}\ntype B interface {\n//corechan:fast\nM(ctx context.Context) error }", "m.go:10:1: //corechan:fast is nothing for a method"},
		"an error":          {"type S interface{\nM(ctx context.Context, t error) error }", "return it as the last result"},
		"one that is taken": {"type S interface{\nM(ctx context.Context) error }\ntype SClient int", "m.go:8:6: SClient is what the generated code for S declares: rename one of them"},
		"two of one name":   {"type S interface{\nM(ctx context.Context) error }\n//corechan:service name=S\ntype T interface{\nM(ctx context.Context) error }", "m.go:8:1: two services are named S: S and T"},
		"an unknown option": {"type S interface{\nM(ctx context.Context) error }\n//corechan:service fast\ntype T interface{\nM(ctx context.Context) error }", "m.go:8:1: fast is no option of a service: the only one is name=NAME"},
		"no error itself":   {"type S interface{\nM(ctx context.Context) error }\n//corechan:error\ntype E struct{}", "m.go:8:1: E is no error: give it Error() string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := head + test.text + "\n"
			if strings.Count(test.text, "//corechan:service\ntype S ") != 0 {
				text = strings.Replace(head, "//corechan:service\n", "", 1) + test.text + "\n"
			}
			dir, problems := generate(t, text)
			if got := problems.Error(); !strings.Contains(got, test.says) {
				t.Errorf("%q does not say %q", got, test.says)
			}
			if files, _ := filepath.Glob(filepath.Join(dir, "*gen*")); len(files) != 0 {
				t.Error(files)
			}
		})
	}
}

// What stands above a method counts also where its interface is embedded, in another package, too.
func TestEmbeddedMethodsKeepTheirDirectives(t *testing.T) {
	dir, problems := generateAll(t, map[string]string{
		"base/base.go": "package base\n\nimport \"context\"\n\ntype Base interface {\n// Ping pings.\n//\n//corechan:oneway\nPing(ctx context.Context) error\n}\n",
		"m.go": "package m\n\nimport (\n\"context\"\n\"example.com/m/base\"\n)\n\ntype own interface {\n//corechan:inline\nPong(ctx context.Context) error\n}\n" +
			"\n//corechan:service\ntype S interface {\nbase.Base\nown\nM(ctx context.Context) error\n}\n",
	})
	check(t, problems.Err())
	code, err := os.ReadFile(filepath.Join(dir, "corechan_services_gen.go"))
	check(t, err)
	for _, want := range []string{
		`{Name: "M", Plain: true, Memory:`, `{Name: "Ping", Oneway: true, Memory:`, `{Name: "Pong", Inline: true, Plain: true, Memory:`, `{"name":"Ping","doc":"Ping pings.","oneway":true,`,
	} {
		if !strings.Contains(string(code), want) {
			t.Errorf("%s is not in the code", want)
		}
	}
}

func TestErrorsAreRefusedWithoutAServiceToo(t *testing.T) {
	_, problems := generate(t, "package m\n\n//corechan:error\ntype E struct{}\n\n//corechan:error\ntype G[T any] struct{ V T }\n\nfunc (G[T]) Error() string { return \"\" }\n")
	for _, says := range []string{"m.go:3:1: E is no error: give it Error() string", "m.go:6:1: G has type parameters: mark one without"} {
		if got := problems.Error(); !strings.Contains(got, says) {
			t.Errorf("%q does not say %q", got, says)
		}
	}
}

// Those that are exported, marked and errors, of packages that are imported: also for that alone.
func TestErrorsOfImportedPackagesTravelWhole(t *testing.T) {
	const service = "\n//corechan:service\ntype S interface{ M(ctx context.Context) error }\n"
	const failed = "package billing\n\n//corechan:error\ntype Failed struct{ N int }\n\nfunc (*Failed) Error() string { return \"\" }\n"
	dir, problems := generateAll(t, map[string]string{
		"billing/billing.go": failed + "\ntype Unmarked struct{}\n\nfunc (Unmarked) Error() string { return \"\" }\n\n//corechan:error\ntype hidden struct{}\n\nfunc (hidden) Error() string { return \"\" }\n",
		"m.go":               "package m\n\nimport (\n\"context\"\n_ \"example.com/m/billing\"\n)\n" + service,
	})
	check(t, problems.Err())
	code, err := os.ReadFile(filepath.Join(dir, "corechan_services_gen.go"))
	check(t, err)
	_, list, _ := strings.Cut(string(code), "var rpcErrors = ")
	list, _, _ = strings.Cut(list, "\n}")
	equal(t, list, "[]rpc.ErrorType{\n\trpc.PointerError[billing.Failed](\"*billing.Failed\"),")

	dir, problems = generateAll(t, map[string]string{
		"billing/billing.go": failed, "other/billing.go": failed,
		"m.go": "package m\n\nimport (\n\"context\"\n_ \"example.com/m/billing\"\n_ \"example.com/m/other\"\n)\n" + service,
	})
	const says = "m.go:6:1: two types of errors are named billing.Failed: those of example.com/m/billing and example.com/m/other: rename one"
	if got := problems.Error(); !strings.Contains(got, says) {
		t.Errorf("%q does not say %q", got, says)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*gen*")); len(files) != 0 {
		t.Error(files)
	}
}
