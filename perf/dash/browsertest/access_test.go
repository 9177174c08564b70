package browsertest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

// needKernel skips a test that needs probes in the kernel.
func needKernel(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs CAP_BPF and CAP_PERFMON, or root")
	}
}

func TestWithoutPrivilegesThePageShowsWhatItCanAndSaysWhatIsMissing(t *testing.T) {
	var as *syscall.SysProcAttr
	if os.Getuid() == 0 {
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	s := startServer(t, freeAddr(), as, "--interval", "100ms")
	b := openTab(t)
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.url))
	b.says("missing", "Not measured: runq, preempt", "CAP_BPF and CAP_PERFMON", "setcap cap_bpf,cap_perfmon+ep", "steal and runtime work without it")
	b.says("pane-main", "steal", "preempted not measured")
	b.says("preemptors", "Not measured")
	b.until("health", "has samples", func(string) bool { return b.samples() > 3 })
	b.settle()
	b.shoot("dash-unprivileged")
}

func TestThePageAsksForTheToken(t *testing.T) {
	token := "correct horse battery staple"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr()
	_, port, _ := strings.Cut(addr, ":")
	s := startServer(t, "0.0.0.0:"+port, nil, "--groups", "steal", "--interval", "100ms", "--token-file", file)
	b := openTab(t)
	b.do(chromedp.Navigate(s.url))
	type_ := func(what string) {
		t.Helper()
		b.do(chromedp.WaitVisible(chromedp.CSS("input[name=token]")), chromedp.SendKeys(chromedp.CSS("input[name=token]"), what),
			chromedp.Click(chromedp.CSS("button[type=submit]")))
	}
	type_("wrong, wrong, wrong, wrong")
	b.do(chromedp.WaitVisible(chromedp.CSS("#wrong")))
	b.shoot("dash-login")
	type_(token)
	b.do(chromedp.WaitVisible(chromedp.CSS("#headline")))
	b.says("state", "live")
	// The server comes back with another token.
	s.kill()
	if err := os.WriteFile(file, []byte("another token altogether\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	startServer(t, "0.0.0.0:"+port, nil, "--groups", "steal", "--interval", "100ms", "--token-file", file)
	b.says("state", "token needed")
	b.says("trouble", "The server asks for a token", "Give it")
}

func TestItDoesNotListenElsewhereWithoutAToken(t *testing.T) {
	for _, at := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:7070"} {
		var errOut bytes.Buffer
		cmd := exec.CommandContext(t.Context(), built.corechan, "dash", "--no-open", "--listen", at)
		cmd.Stderr = &errOut
		if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 2 || !strings.Contains(errOut.String(), "--token-file") {
			t.Errorf("%s: %v, %s", at, err, errOut.String())
		}
	}
}
