package fd_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/corechan/corechan/fd"
	"golang.org/x/sys/unix"
)

// patience bounds every wait: long enough for a loaded machine, and only ever spent by a test that fails.
const patience = 20 * time.Second

// childEnv names the function of children that this executable is to run instead of the tests.
const childEnv = "CORECHAN_FD_CHILD"

// children are what tests need a process of their own for: to be killed, or to change what is the process's.
// An error is reported by the test that started it.
var children = map[string]func() error{
	"dial and wait":                   childDialAndWait,
	"listen and wait":                 childListenAndWait,
	"give and wait":                   childGiveAndWait,
	"receive with a lowered limit":    childReceiveWithLoweredLimit,
	"accept with a lowered limit":     childAcceptWithLoweredLimit,
	"everything with a lowered limit": childEverythingWithLoweredLimit,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children[name](); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child prepares the child process of that name.
func child(t *testing.T, name string, env ...string) *exec.Cmd {
	t.Helper()
	if children[name] == nil {
		t.Fatalf("no child is called %q", name)
	}
	cmd := exec.Command(os.Args[0])
	// The race detector sleeps for a second at exit unless told otherwise.
	cmd.Env = append(append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=0"), env...)
	return cmd
}

// runChild runs a child to its end, and fails the test if the child fails.
func runChild(t *testing.T, name string, env ...string) {
	t.Helper()
	if out, err := child(t, name, env...).CombinedOutput(); err != nil {
		t.Fatalf("child %q: %v\n%s", name, err, bytes.TrimSpace(out))
	}
}

// startChild starts a child that says "ready" and then waits, and returns when it has. kill ends it by SIGKILL and
// reaps it; it runs at the end of the test at the latest.
func startChild(t *testing.T, name string, env ...string) (kill func()) {
	t.Helper()
	cmd := child(t, name, env...)
	stdin, err := cmd.StdinPipe() // open for as long as the child is to live
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if killed {
			return
		}
		killed = true
		cmd.Process.Kill()
		stdin.Close()
		cmd.Wait()
	}
	t.Cleanup(kill)
	said := make([]byte, 200)
	n, _ := stdout.Read(said)
	if string(said[:n]) != "ready\n" {
		t.Fatalf("child %q said %q instead of ready", name, said[:n])
	}
	return kill
}

// waitToBeKilled is the rest of such a child.
func waitToBeKilled() error {
	fmt.Println("ready")
	_, err := os.Stdin.Read(make([]byte, 1))
	return err
}

// eventually waits until ok, within patience.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("gave up waiting until %s", what)
		}
	}
}

// within returns what ch brings, within patience.
func within[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("gave up waiting for %s", what)
		panic("unreachable")
	}
}

// closeAtEnd closes f at the end of the test, unless the test did.
func closeAtEnd[C interface{ Close() error }](t testing.TB, c C) C {
	t.Helper()
	t.Cleanup(func() { c.Close() })
	return c
}

func socketpair(t testing.TB) (a, b *fd.FD) {
	t.Helper()
	a, b, err := fd.Socketpair()
	if err != nil {
		t.Fatal(err)
	}
	return closeAtEnd(t, a), closeAtEnd(t, b)
}

func memfd(t testing.TB, size int64) *fd.FD {
	t.Helper()
	f, err := fd.Memfd("test", size, nil)
	if err != nil {
		t.Fatal(err)
	}
	return closeAtEnd(t, f)
}

// inode tells which file a descriptor refers to.
func inode(t testing.TB, f *fd.FD) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(f.Int(), &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// lowerLimit sets the soft RLIMIT_NOFILE so that exactly free more descriptors can be made, and returns what puts it
// back. It is for children.
func lowerLimit(free int) (restore func(), err error) {
	// The limit is on the number, so fill the holes below it first.
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		return nil, err
	}
	var fill []int
	top := 0
	for range 64 {
		n, err := unix.Dup(1)
		if err != nil {
			return nil, err
		}
		fill = append(fill, n)
		top = n
	}
	lim := old
	lim.Cur = uint64(top + 1)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return nil, err
	}
	for _, n := range fill[len(fill)-free:] {
		unix.Close(n)
	}
	return func() {
		unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
		for _, n := range fill[:len(fill)-free] {
			unix.Close(n)
		}
	}, nil
}
