package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/corechan/corechan/examples/internal/extest"
	"github.com/corechan/corechan/fd/fdtest"
)

func TestMain(m *testing.M) { extest.Main(m, main) }

const nobody = 65534

// stranger makes a command one that may not open path, and returns its user.
func stranger(t *testing.T, cmd *exec.Cmd, path string) (uid int) {
	t.Helper()
	if os.Getuid() != 0 { // it will be the same user, for whom the file is closed as well
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		return os.Getuid()
	}
	cmd.Path = "/proc/self/exe" // this executable's folder is closed to others too
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return nobody
}

func TestAProcessWritesToAFileThatItMayNotOpen(t *testing.T) {
	fdtest.Snapshot(t)
	path := filepath.Join(t.TempDir(), "log")
	url := "shm://@giveaway-" + fmt.Sprint(os.Getpid())
	keeper := extest.Start(t, "keep", "--file", path, "--listen", url, "--allow", fmt.Sprint(nobody))
	keeper.Expect("listening on " + url)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Fatal(info.Mode(), err)
	}

	cmd := extest.Command("write", "--connect", url, "--allow", fmt.Sprint(os.Getuid()))
	uid := stranger(t, cmd, path)
	writer := extest.StartCommand(t, cmd)
	writer.Expect("not by its name: open " + path + ": permission denied")
	keeper.Expect(fmt.Sprintf("given to process %d of user %d", writer.PID(), uid))
	writer.Type("one\n")
	writer.Expect("wrote 4 bytes")
	own := extest.Start(t, "write", "--connect", url)
	own.Type("two\n")
	if os.Getuid() != 0 { // the file is closed to it too
		own.Expect("not by its name: open " + path + ": permission denied")
	}
	own.Expect("wrote 4 bytes")
	own.CloseStdin()
	own.End(0)

	keeper.Kill() // the descriptor outlives it
	writer.Type("three\n")
	writer.Expect("wrote 6 bytes")
	writer.CloseStdin()
	writer.End(0)

	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "one\ntwo\nthree\n" {
		t.Errorf("the log is %q, %v", text, err)
	}
}

func TestAUserWhoIsNotAllowedGetsNothing(t *testing.T) {
	fdtest.Snapshot(t)
	if os.Getuid() != 0 {
		t.Skip("it takes root to be another user")
	}
	path := filepath.Join(t.TempDir(), "log")
	url := "shm://@giveaway-" + fmt.Sprint(os.Getpid())
	keeper := extest.Start(t, "keep", "--file", path, "--listen", url)
	keeper.Expect("listening on " + url)
	cmd := extest.Command("write", "--connect", url, "--allow", "0")
	stranger(t, cmd, path)
	writer := extest.StartCommand(t, cmd)
	writer.End(1)
	if got := writer.Stderr(); !strings.Contains(got, "not allowed") {
		t.Error(got)
	}
	keeper.Terminate()
}

func TestWhatIsGivenCannotBeRead(t *testing.T) {
	fdtest.Snapshot(t)
	path := filepath.Join(t.TempDir(), "log")
	url := "shm://@giveaway-" + fmt.Sprint(os.Getpid())
	keeper := extest.Start(t, "keep", "--file", path, "--listen", url)
	keeper.Expect("listening on " + url)
	log, err := ask(extest.Context(t), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer log.File.Close()
	if _, err := log.File.Read(make([]byte, 1)); !errors.Is(err, syscall.EBADF) {
		t.Errorf("%v, want EBADF", err)
	}
	keeper.Terminate()
}
