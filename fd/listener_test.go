package fd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"golang.org/x/sys/unix"
)

func listen(t *testing.T, addr string) *fd.Listener {
	t.Helper()
	l, err := fd.Listen(addr, 8)
	if err != nil {
		t.Fatal(err)
	}
	return closeAtEnd(t, l)
}

// leaveStale makes what a server that died leaves behind.
func leaveStale(t *testing.T, path string) {
	t.Helper()
	f, err := fd.ListenUnix(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.WriteFile(path+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func assertFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

func TestASecondListenerIsRefusedAndTheFirstIsUnharmed(t *testing.T) {
	fdtest.Snapshot(t)
	for _, addr := range []string{t.TempDir() + "/s", fmt.Sprintf("@corechan-test-%d", os.Getpid())} {
		l := listen(t, addr)
		if _, err := fd.Listen(addr, 1); !errors.Is(err, fd.ErrInUse) {
			t.Errorf("%s: %v, want ErrInUse", addr, err)
		}
		if _, err := fd.ListenUnix(addr, 1); !errors.Is(err, fd.ErrInUse) {
			t.Errorf("%s, without a lock: %v, want ErrInUse", addr, err)
		}
		dial(t, addr)
		if c, err := l.Accept(); err != nil {
			t.Errorf("%s: %v", addr, err)
		} else {
			c.Close()
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		listen(t, addr).Close()
	}
}

func TestAListenerLeavesNoFilesAndClosesOnce(t *testing.T) {
	fdtest.Snapshot(t)
	dir := t.TempDir()
	l := listen(t, dir+"/s")
	assertFiles(t, dir, "s", "s.lock")
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != os.ErrClosed {
		t.Errorf("second Close: %v, want os.ErrClosed", err)
	}
	if _, err := l.Accept(); err != os.ErrClosed {
		t.Errorf("Accept: %v, want os.ErrClosed", err)
	}
	assertFiles(t, dir)
}

func TestAListenerFindsItsFilesAfterAChangeOfDirectory(t *testing.T) {
	fdtest.Snapshot(t)
	dir, other := t.TempDir(), t.TempDir()
	t.Chdir(dir)
	l := listen(t, "s")
	t.Chdir(other)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	assertFiles(t, dir)
}

func TestTheSocketOfADeadServerIsReplaced(t *testing.T) {
	fdtest.Snapshot(t)
	t.Run("closed", func(t *testing.T) {
		path := t.TempDir() + "/s"
		leaveStale(t, path)
		listen(t, path)
		dial(t, path)
	})
	t.Run("killed", func(t *testing.T) {
		path := t.TempDir() + "/s"
		kill := startChild(t, "listen and wait", "ADDR="+path)
		if _, err := fd.Listen(path, 1); !errors.Is(err, fd.ErrInUse) {
			t.Errorf("while it lives: %v, want ErrInUse", err)
		}
		kill()
		assertFiles(t, filepath.Dir(path), "s", "s.lock")
		l := listen(t, path)
		dial(t, path)
		l.Close()
		assertFiles(t, filepath.Dir(path))
	})
}

func childListenAndWait() error {
	l, err := fd.Listen(os.Getenv("ADDR"), 1)
	if err != nil {
		return err
	}
	defer l.Close()
	return waitToBeKilled()
}

func TestALivingServerWithoutALockIsNotReplaced(t *testing.T) {
	fdtest.Snapshot(t)
	dir := t.TempDir()
	server, err := fd.ListenUnix(dir+"/stream", 0)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, server)
	n, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, fd.New(n))
	if err := unix.Bind(n, &unix.SockaddrUnix{Name: dir + "/dgram"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ state, path string }{
		{"answers", dir + "/stream"},
		{"has a full backlog", dir + "/stream"}, // by the probe of the case before
		{"takes datagrams", dir + "/dgram"},
	} {
		if _, err := fd.Listen(c.path, 1); !errors.Is(err, fd.ErrInUse) {
			t.Errorf("one that %s: %v, want ErrInUse", c.state, err)
		}
	}
	assertFiles(t, dir, "dgram", "stream")
}

func TestWhatIsNoSocketIsNeverRemoved(t *testing.T) {
	fdtest.Snapshot(t)
	for kind, create := range map[string]func(path string) error{
		"file":      func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"fifo":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"link to a dead socket": func(path string) error {
			leaveStale(t, path+".real")
			return os.Symlink(path+".real", path)
		},
		"dangling link": func(path string) error { return os.Symlink(path+".none", path) },
	} {
		t.Run(kind, func(t *testing.T) {
			path := t.TempDir() + "/s"
			if err := create(path); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fd.Listen(path, 1); !errors.Is(err, fd.ErrNotSocket) {
				t.Errorf("%v, want ErrNotSocket", err)
			}
			after, err := os.Lstat(path)
			if err != nil || !os.SameFile(before, after) || before.Size() != after.Size() {
				t.Errorf("it was changed: %v", err)
			}
			if _, err := os.Lstat(path + ".lock"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the lock file: %v, want it gone", err)
			}
		})
	}
}

func TestALockFileThatWasNotMadeHereIsRefusedAndKept(t *testing.T) {
	fdtest.Snapshot(t)
	for kind, c := range map[string]struct {
		create func(path string) error
		want   error
	}{
		"file with content": {func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) }, unix.EEXIST},
		"fifo":              {func(path string) error { return unix.Mkfifo(path, 0o600) }, unix.EEXIST},
		"directory":         {func(path string) error { return os.Mkdir(path, 0o700) }, unix.EISDIR},
		"link":              {func(path string) error { return os.Symlink(path+".none", path) }, unix.ELOOP},
	} {
		dir := t.TempDir()
		if err := c.create(dir + "/s.lock"); err != nil {
			t.Fatal(err)
		}
		if _, err := fd.Listen(dir+"/s", 1); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", kind, err, c.want)
		}
		assertFiles(t, dir, "s.lock")
	}
}

func TestCloseLeavesWhatOthersPutInPlace(t *testing.T) {
	fdtest.Snapshot(t)
	dir := t.TempDir()
	path := dir + "/s"
	l := listen(t, path)
	// Somebody removes both files, and another server starts.
	for _, p := range []string{path, path + ".lock"} {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
	listen(t, path)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	assertFiles(t, dir, "s", "s.lock")
	dial(t, path)
}

func TestCloseWakesEveryAcceptAndWaitsForIt(t *testing.T) {
	fdtest.Snapshot(t)
	for _, addr := range []string{t.TempDir() + "/s", fmt.Sprintf("@corechan-test-%d", os.Getpid())} {
		l := listen(t, addr)
		const accepts = 4
		var inside atomic.Int32
		results := make(chan error, accepts)
		for range accepts {
			go func() {
				inside.Add(1)
				_, err := l.Accept()
				inside.Add(-1)
				results <- err
			}()
		}
		eventually(t, "all accept", func() bool { return inside.Load() == accepts })
		closed := make(chan error, 1)
		go func() { closed <- l.Close() }()
		if err := within(t, "Close", closed); err != nil {
			t.Error(err)
		}
		for range accepts {
			if err := within(t, "an Accept", results); err != os.ErrClosed {
				t.Errorf("%v, want os.ErrClosed", err)
			}
		}
	}
}

// Servers that start at once over what a dead one left: exactly one wins, every time, and it can be reached.
func TestOfServersThatStartAtOnceOneWins(t *testing.T) {
	fdtest.Snapshot(t)
	path := t.TempDir() + "/s"
	for range 50 {
		leaveStale(t, path)
		const servers = 6
		won := make(chan *fd.Listener, servers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for range servers {
			wg.Go(func() {
				<-start
				l, err := fd.Listen(path, 8)
				if err == nil {
					won <- l
				} else if !errors.Is(err, fd.ErrInUse) {
					t.Errorf("%v, want ErrInUse", err)
				}
			})
		}
		close(start)
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d servers won, want 1", len(won))
		}
		c := dial(t, path)
		c.Close()
		if err := (<-won).Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Servers that come and go: never two at once, never an error but ErrInUse, and the one that has the address is the
// one that is reached by it.
func TestServersThatComeAndGoNeverOverlap(t *testing.T) {
	fdtest.Snapshot(t)
	dir := t.TempDir()
	path := dir + "/s"
	var listening, rounds atomic.Int32
	deadline := time.Now().Add(patience)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for rounds.Load() < 200 && !t.Failed() {
				if time.Now().After(deadline) {
					t.Error("the servers starve")
					return
				}
				l, err := fd.Listen(path, 8)
				if errors.Is(err, fd.ErrInUse) {
					runtime.Gosched()
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n := listening.Add(1); n != 1 {
					t.Errorf("%d listen at once", n)
				}
				if c, err := fd.DialUnix(context.Background(), path); err != nil {
					t.Errorf("the server cannot be reached: %v", err)
				} else {
					c.Close()
				}
				if s, err := l.Accept(); err != nil {
					t.Error(err)
				} else {
					s.Close()
				}
				listening.Add(-1)
				rounds.Add(1)
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	assertFiles(t, dir)
}
