package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestADownstreamModuleFollowsTheGuides does what docs/codegen.md and docs/codegen-services.md say, in a module of its own, from
// zero: every block of Go in them is compiled, every program runs and prints what the page says.
func TestADownstreamModuleFollowsTheGuides(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	messages, services := readGuide(t, root, "codegen.md"), readGuide(t, root, "codegen-services.md")
	all := map[string]string{}
	messages.files(t, all, ".")
	services.files(t, all, "services")
	dir := files(t, all)
	run := func(script string) string {
		t.Helper()
		// What is left in the background ends with the script.
		cmd := exec.CommandContext(t.Context(), "bash", "-c", "set -e\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"+script)
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", roleVariable+"=")
		var errOut strings.Builder
		cmd.Stderr = &errOut
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s%s", script, err, out, errOut.String())
		}
		return string(out)
	}
	setup := strings.SplitAfter(messages.block(t, "setup"), "\n")
	run(setup[0])
	replace(t, root)
	run("export GOPROXY=off\n" + strings.Join(setup[1:], "")) // it is here: a proxy that does not know it may refuse to say so
	if out := run("go generate ./..."); strings.Count(out, "written") != 3 {
		t.Error(out)
	}
	run("go tool corechan gen --check ./... && go tool corechan gen --tests ./... && go vet ./... && go test ./... && grep -h ^func.Fuzz */*_gen_test.go > fuzz.txt")
	if b, err := os.ReadFile("fuzz.txt"); err != nil || !strings.Contains(string(b), "FuzzBook") || !strings.Contains(string(b), "FuzzOrder") {
		t.Errorf("%s, %v", b, err)
	}
	if got, want := run("go run ."), messages.block(t, "output"); got != want {
		t.Errorf("the program prints %q, the guide %q", got, want)
	}
	for _, f := range []string{"corechan_messages_gen.go", "corechan_services_gen.go"} { // the page begins without
		if err := os.Remove(filepath.Join(dir, "services", f)); err != nil {
			t.Fatal(err)
		}
	}
	// Under a name of this test's own.
	own := strings.NewReplacer("@orders", fmt.Sprintf("@orders-%d", os.Getpid()))
	main := filepath.Join(dir, "services", "main.go")
	if err := os.WriteFile(main, []byte(own.Replace(all["services/main.go"])), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := run("cd services\n"+own.Replace(services.block(t, "commands"))), services.block(t, "output"); got != want {
		t.Errorf("the programs print %q, the guide %q", got, want)
	}
}

// replace has the new module take corechan from here, in what it needs in the versions that it has.
func replace(t *testing.T, root string) {
	t.Helper()
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, requires, _ := strings.Cut(string(mod), "\nrequire")
	text := string(own) + "\nrequire" + requires + "\nrequire github.com/corechan/corechan v0.0.0\n\nreplace github.com/corechan/corechan => " + root + "\n"
	if err := errors.Join(os.WriteFile("go.mod", []byte(text), 0o600), os.WriteFile("go.sum", sums, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// A guide is a page whose blocks of code say in a comment before them what they are:
//
//	<!-- main.go -->                      a file
//	<!-- declaration -->                  a part of one
//	<!-- fragment: a int, b string -->    statements, with what they use
//	<!-- output -->                       and others: for the test
type guide struct {
	name   string
	blocks []block
}

type block struct{ mark, language, text string }

var blocks = regexp.MustCompile("(?ms)^(?:<!-- ([^\n]*) -->\n)?```([a-z]*)\n(.*?)^```$")

func readGuide(t *testing.T, root, name string) *guide {
	t.Helper()
	text, err := fs.ReadFile(os.DirFS(filepath.Join(root, "docs")), name)
	if err != nil {
		t.Fatal(err)
	}
	g := &guide{name: name}
	for _, m := range blocks.FindAllStringSubmatch(string(text), -1) {
		g.blocks = append(g.blocks, block{m[1], m[2], m[3]})
	}
	return g
}

func (g *guide) block(t *testing.T, mark string) string {
	t.Helper()
	for _, b := range g.blocks {
		if b.mark == mark {
			return b.text
		}
	}
	t.Fatalf("%s has no block %s", g.name, mark)
	return ""
}

// files adds the files that the blocks of Go are, or are parts of.
func (g *guide) files(t *testing.T, all map[string]string, dir string) {
	t.Helper()
	for i, b := range g.blocks {
		name := filepath.Join(dir, b.mark)
		parameters, fragment := strings.CutPrefix(b.mark, "fragment: ")
		switch {
		case b.language != "go":
			continue
		case strings.HasSuffix(b.mark, ".go"):
			all[name] = b.text
			continue
		case fragment:
			b.text = fmt.Sprintf("func _(ctx context.Context, %s) error {\n%sreturn err\n}\n", parameters, b.text)
		case b.mark != "declaration":
			t.Errorf("%s: nothing is said of a block that begins with %.60q", g.name, b.text)
			continue
		}
		text := "package main\n\n"
		for _, path := range []string{
			"context", "fmt", "log/slog", "time", "github.com/corechan/corechan/codegen/rpc", "github.com/corechan/corechan/engine",
		} {
			if strings.Contains(b.text, path[strings.LastIndexByte(path, '/')+1:]+".") {
				text += fmt.Sprintf("import %q\n", path)
			}
		}
		all[filepath.Join(dir, fmt.Sprintf("part%d.go", i))] = text + "\n" + b.text
	}
}
