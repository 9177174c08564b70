package watch_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/watch"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports/inmem"
	"github.com/corechan/corechan/transports/shm"
)

const childEnv = "CORECHAN_WATCH_CHILD"

func TestMain(m *testing.M) {
	if url := os.Getenv(childEnv); url != "" {
		if err := child(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child dials, and stays until its input ends.
func child(url string) error {
	s, err := shm.Dial(context.Background(), url, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = os.Stdin.Read(make([]byte, 1))
	return err
}

func watchdog(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// server is an engine with a listener, that shuts down with the test.
func server(t *testing.T, cfg engine.Config) (url string, eng *engine.Engine, sessions chan *engine.Session) {
	t.Helper()
	eng, err := engine.New(cfg)
	check(t, err)
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = eng.Shutdown(now)
	})
	url = "@watch-" + strings.ReplaceAll(t.Name(), "/", "-") + fmt.Sprint(os.Getpid())
	ln, err := shm.Listen(watchdog(t), url, &shm.Options{Engine: eng})
	check(t, err)
	sessions = make(chan *engine.Session, 10)
	go func() {
		for s, err := range ln.Sessions(context.Background()) {
			if err != nil {
				return
			}
			sessions <- s
		}
	}()
	return url, eng, sessions
}

// look looks until what it finds is as it should be.
func look(t *testing.T, w *watch.Watcher, ok func(all []watch.Engine) bool) []watch.Engine {
	t.Helper()
	ctx := watchdog(t)
	for {
		all, err := w.Look(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ok(all) {
			return all
		}
		time.Sleep(time.Millisecond)
	}
}

func of(all []watch.Engine, pid int) *watch.Engine {
	if i := slices.IndexFunc(all, func(e watch.Engine) bool { return e.PID == pid }); i >= 0 {
		return &all[i]
	}
	return nil
}

// Both processes of a session are seen; one that is stopped is said to be, and one that is killed leaves nothing behind.
func TestProcessesAreSeenWhileTheyHaveSessions(t *testing.T) {
	fdtest.Snapshot(t)
	w := watch.New()
	defer w.Close()
	url, _, sessions := server(t, engine.Config{})
	if all, err := w.Look(watchdog(t)); err != nil || of(all, os.Getpid()) != nil {
		t.Errorf("an engine without a session is seen: %+v, %v", all, err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"="+url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	check(t, err)
	defer in.Close()
	check(t, cmd.Start())
	s := <-sessions
	defer s.Close()
	pid := cmd.Process.Pid

	all := look(t, w, func(all []watch.Engine) bool { return of(all, os.Getpid()) != nil && of(all, pid) != nil })
	here, there := of(all, os.Getpid()), of(all, pid)
	if here.Err != nil || there.Err != nil || len(here.Snapshot.Sessions) != 1 || len(there.Snapshot.Sessions) != 1 {
		t.Fatalf("%+v, %+v", here, there)
	}
	if a, b := here.Snapshot.Sessions[0], there.Snapshot.Sessions[0]; a.PeerPID != pid || b.PeerPID != os.Getpid() || a.Dialer || !b.Dialer {
		t.Errorf("%+v, %+v", a, b)
	}
	if there.UID != uint32(os.Geteuid()) || there.Command == "" || here.Command != there.Command && there.Command != "exe" {
		t.Errorf("%+v", there)
	}

	check(t, cmd.Process.Signal(syscall.SIGSTOP))
	all = look(t, w, func(all []watch.Engine) bool { e := of(all, pid); return e != nil && e.Err != nil })
	if e := of(all, pid); !errors.Is(e.Err, watch.ErrSilent) || e.Snapshot != nil {
		t.Errorf("%+v", e)
	}
	if e := of(all, os.Getpid()); e == nil || e.Err != nil {
		t.Errorf("one that is stopped holds up another: %+v", e)
	}
	check(t, cmd.Process.Signal(syscall.SIGCONT))
	look(t, w, func(all []watch.Engine) bool { e := of(all, pid); return e != nil && e.Err == nil })

	check(t, cmd.Process.Kill())
	_ = cmd.Wait()
	look(t, w, func(all []watch.Engine) bool { return of(all, pid) == nil })
	<-s.Done()
	_ = s.Close()
	look(t, w, func(all []watch.Engine) bool { return of(all, os.Getpid()) == nil })
	check(t, w.Close())
	if _, err := w.Look(watchdog(t)); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestAnEngineThatIsHiddenOrOnlyWithinItsProcessIsNotSeen(t *testing.T) {
	fdtest.Snapshot(t)
	w := watch.New()
	defer w.Close()
	url, eng, sessions := server(t, engine.Config{Hidden: true})
	a, err := shm.Dial(watchdog(t), url, &shm.Options{Engine: eng})
	check(t, err)
	defer a.Close()
	defer (<-sessions).Close()
	b, c, err := inmem.Pair(nil)
	check(t, err)
	defer b.Close()
	defer c.Close()
	if all, err := w.Look(watchdog(t)); err != nil || of(all, os.Getpid()) != nil {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestMessagesAreStampedForAsLongAsItIsAskedFor(t *testing.T) {
	fdtest.Snapshot(t)
	w := watch.New()
	defer w.Close()
	url, eng, sessions := server(t, engine.Config{})
	a, err := shm.Dial(watchdog(t), url, &shm.Options{Engine: eng})
	check(t, err)
	defer a.Close()
	b := <-sessions
	defer b.Close()
	s, err := engine.Open[engine.Raw](watchdog(t), a, "orders")
	check(t, err)
	r, err := engine.Accept[engine.Raw](watchdog(t), b, "orders")
	check(t, err)
	ctx, cancel := context.WithCancel(watchdog(t))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.KeepStamping(ctx)
	}()
	for m := (engine.Raw{1}); len(eng.Snapshot().Latencies) == 0; {
		check(t, ctx.Err())
		check(t, s.Send(ctx, &m))
		check(t, r.Receive(ctx, &m))
	}
	cancel()
	<-ended
	if l := eng.Snapshot().Latencies[0]; l.Channel != "orders" || l.Transport != "shm" || l.Times.Count() == 0 {
		t.Errorf("%+v", l)
	}
}

// A process of the same user may say what it likes.
func TestALiarIsShownAsOne(t *testing.T) {
	fdtest.Snapshot(t)
	w := watch.New()
	defer w.Close()
	name := fmt.Sprintf("@corechan/1/%d/%d-liar", os.Geteuid(), os.Getpid())
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	check(t, err)
	defer ln.Close()
	go func() {
		for {
			c, err := ln.AcceptUnix()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1))
			f, err := fd.Sealed("lies", make([]byte, 1000))
			if err == nil {
				raw, _ := c.SyscallConn()
				_ = raw.Control(func(sock uintptr) { _, _ = fd.SendMsg(int(sock), []byte("!"), []int{f.Int()}, 0) })
				f.Close()
			}
			_ = c.Close()
		}
	}()
	all, err := w.Look(watchdog(t))
	check(t, err)
	e := of(all, os.Getpid())
	if e == nil || !errors.Is(e.Err, engine.ErrSnapshot) || e.Snapshot != nil {
		t.Errorf("%+v", e)
	}
}
