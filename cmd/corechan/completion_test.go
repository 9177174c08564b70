package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completed returns what a line may go on with, without descriptions.
func completed(t *testing.T, shell, line string, more ...string) []string {
	t.Helper()
	code, out, errOut := corechan(t, append([]string{completeWord, shell, line}, more...)...)
	if code != exitOK || errOut != "" {
		t.Fatalf("%q: %d, %s", line, code, errOut)
	}
	var values []string
	for line := range strings.Lines(out) {
		value, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		values = append(values, value)
	}
	return values
}

func TestALineGoesOnWith(t *testing.T) {
	url := shopAt(t)
	for _, test := range []struct{ line, want string }{
		{"corechan c", "call completion"},
		{"corechan perf pi", "pingpong"},
		{"corechan completion ", "bash zsh fish"},
		{"corechan call --ti", "--timeout"},
		{"corechan call --timeout 5s --he", "--help --header"},
		{"corechan call --timeout ", ""},
		{"corechan call w", "wss:// ws://"},
		{"corechan call " + url + " Shop.S", "Shop.Session Shop.Size Shop.Subscribe Shop.Sum"},
		{"corechan call --timeout 5s " + url + " 'Shop.S", "Shop.Session Shop.Size Shop.Subscribe Shop.Sum"},
		{"corechan call --timeout=5s --header a=b " + url + ` Shop.Si`, "Shop.Size"},
		{"corechan call -- " + url + ` Shop.Si`, "Shop.Size"},
		{"corechan ls " + url + " Sh", "Shop"},
		{"corechan ls " + url + " Shop.Su", "Shop.Subscribe Shop.Sum"},
		{"corechan ls --js", "--json"},
		{"corechan call " + url + " Shop.Sum ", ""},
		{"corechan call inmem://nobody Sh", ""},
		{"corechan call nonsense Sh", ""},
		{"corechan gen --che", "--check"},
		{"corechan gen ", ":files"},
		{"corechan gen a.go b", ":files"},
		{"corechan nothing x", ""},
		{"corechan version ", ""},
		{"corechan perf peer", ""}, // hidden
	} {
		got := completed(t, "fish", test.line)
		if strings.HasPrefix(test.want, "Shop") && len(got) > 4 && !strings.Contains(test.line, "Shop.") { // a service, and its methods
			got = got[:1]
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%q goes on with %q, want %q", test.line, got, test.want)
		}
	}
	if code, _, _ := corechan(t, completeWord); code != exitUsage {
		t.Error(code)
	}
}

func TestCandidatesAreDescribedWhereTheShellShowsIt(t *testing.T) {
	url := shopAt(t)
	for shell, want := range map[string]string{"zsh": "Shop.Place\tPlace takes an order.\n", "fish": "Shop.Place\tPlace takes an order.\n", "bash": "Shop.Place\n"} {
		if _, out, _ := corechan(t, completeWord, shell, "corechan call "+url+" Shop.Pl"); out != want {
			t.Errorf("%s: %q", shell, out)
		}
	}
}

// Bash takes words apart at colons and equals signs, and replaces only what is behind the last.
func TestBashGetsThePartOfTheWordThatItReplaces(t *testing.T) {
	for _, test := range []struct{ line, part, want string }{
		{"corechan call ws:", "", "//"},
		{"corechan call ws://", "//", "//"},
		{"corechan completion b", "b", "bash"},
		{`corechan completion "b`, `"b`, "bash"},
	} {
		if got := completed(t, "bash", test.line, test.part); !slices.Equal(got, []string{test.want}) {
			t.Errorf("%q, %q: %q", test.line, test.part, got)
		}
	}
}

func TestURLsAreCompletedToSocketsThatSomebodyListensOn(t *testing.T) {
	url := shopOn(t, "shm://"+filepath.Join(t.TempDir(), "shop.sock"))
	if got := completed(t, "zsh", "corechan ls "+url[:len(url)-3]); !slices.Equal(got, []string{url}) {
		t.Error(got)
	}
}

// Bash itself reads the script, and a line with tabs in it, and runs what it makes of that.
func TestBashCompletesAndCalls(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash: apt install bash")
	}
	dir := t.TempDir()
	url := shopOn(t, "shm://"+filepath.Join(dir, "shop.sock"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "corechan")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), bash, "--norc", "--noprofile", "-i")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "HISTFILE=", "TERM=dumb", "INPUTRC=/dev/null")
	cmd.Stdin = strings.NewReader("corechan completion bash > c.bash\nsource ./c.bash\n" +
		"corechan ca\t" + strings.TrimSuffix(url, "p.sock") + "\tShop.Plac\t'{\"ID\": 7, \"Price\": 1}'\n" +
		"./corechan call --timeo\t5s shm:\t" + strings.TrimPrefix(url, "shm://") + " Shop.Sum '[1, 2, 39]'\n" +
		"exit\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"\n42\n", `{"ID":7,"At":"2026-05-01T00:00:00Z"}`} {
		if !strings.Contains(strings.ReplaceAll(string(out), "\r", ""), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

func TestFishCompletes(t *testing.T) {
	fish, err := exec.LookPath("fish")
	if err != nil {
		t.Skip("needs fish: apt install fish")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "corechan")); err != nil {
		t.Fatal(err)
	}
	url := shopOn(t, "shm://"+filepath.Join(dir, "shop.sock"))
	cmd := exec.CommandContext(t.Context(), fish, "--no-config", "-c",
		"corechan completion fish | source; complete -C 'corechan completi'; complete -C 'corechan call "+url+" Shop.Pl'")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if want := "completion\tPrint a script that has a shell complete commands, URLs and methods.\nShop.Place\tPlace takes an order.\n"; err != nil || string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}
