package browsertest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// root is the main module.
const root = "../../.."

// built are the programs that the tests run.
var built struct{ corechan, disturb string }

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "dash")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // a test runs them as somebody else
		panic(err)
	}
	built.corechan, built.disturb = filepath.Join(dir, "corechan"), filepath.Join(dir, "disturb")
	for at, pkg := range map[string]string{built.corechan: "./cmd/corechan", built.disturb: "./perf/probe/internal/disturb/cmd"} {
		cmd := exec.Command("go", "build", "-o", at, pkg)
		cmd.Dir, cmd.Stderr = root, os.Stderr
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if err := cmd.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build", pkg, err)
			return 1
		}
	}
	return m.Run()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A server is `corechan dash` as a process of its own.
type server struct {
	t    *testing.T
	url  string
	addr string
	cmd  *exec.Cmd
}

// freeAddr returns an address that a server can have.
func freeAddr() string {
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	defer ln.Close()
	return ln.Addr().String()
}

// startServer starts a server at an address, and waits until it says where it is.
func startServer(t *testing.T, addr string, as *syscall.SysProcAttr, args ...string) *server {
	t.Helper()
	s := &server{t: t, addr: addr}
	s.cmd = exec.Command(built.corechan, append([]string{"dash", "--no-open", "--listen", addr}, args...)...)
	s.cmd.SysProcAttr = as
	s.cmd.Stderr = os.Stderr
	out := must(s.cmd.StdoutPipe())
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server says nothing: %v", err)
	}
	s.url, _, _ = strings.Cut(line, " ")
	return s
}

// kill ends it as nobody should.
func (s *server) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// startSpinner starts a process with a thread that spins on a core.
func startSpinner(t *testing.T, core int) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(built.disturb, "-core", fmt.Sprint(core), "-for", "10m", "competitor")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// within bounds what a test waits for.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
