package shm_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/shm"
)

const nobody = 65534

// startForeigner starts a child that is another user's.
func startForeigner(t *testing.T, env ...string) *child {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a process of another user")
	}
	c := &child{t: t, cmd: childCommand(t, "dial", env...)}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	c.start()
	return c
}

func TestAPeerOfAnotherUserIsRefusedAndOthersGoOn(t *testing.T) {
	residue(t)
	addr := address()
	s := serve(t, addr, shm.Options{}, engine.Config{})
	neighbour := dial(t, addr, &shm.Options{Engine: newEngine(t, engine.Config{})})
	c := startForeigner(t, "ADDR="+addr)
	said := c.tell("dial")
	if want := fmt.Sprintf("%v: \"%v: uid %d, pid %d;", shm.ErrRefused, shm.ErrForbidden, nobody, c.pid()); !strings.Contains(said, want) {
		t.Errorf("the foreigner got %q, want %q in it", said, want)
	}
	if err := s.log.take(t, "peer refused"); !errors.Is(err, shm.ErrForbidden) {
		t.Errorf("logged %v", err)
	}
	neighbour.goesOn(t)
}

func TestADialerRefusesAListenerOfAnotherUser(t *testing.T) {
	residue(t)
	addr := address()
	serve(t, addr, shm.Options{AllowUIDs: []uint32{nobody}}, engine.Config{})
	c := startForeigner(t, "ADDR="+addr)
	if said := c.tell("dial strictly"); !strings.Contains(said, shm.ErrForbidden.Error()+": uid 0") {
		t.Errorf("the foreigner got %q, want %q", said, shm.ErrForbidden)
	}
}

func TestAPeerOfAnotherUserIsLetInByAllowUIDsAndByAuthorize(t *testing.T) {
	for name, o := range map[string]shm.Options{
		"AllowUIDs": {AllowUIDs: []uint32{1, nobody}},
		"Authorize": {Authorize: func(p engine.Peer) error {
			if p.Cred.UID == nobody && p.Local {
				return nil
			}
			return errors.New("not you")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			residue(t)
			addr := address()
			serve(t, addr, o, engine.Config{})
			c := startForeigner(t, "ADDR="+addr)
			if said := c.tell("dial"); said != "ok" {
				t.Error(said)
			}
			if o.Authorize != nil {
				_, err := shm.Dial(watchdog(t), addr, nil)
				if !errors.Is(err, shm.ErrRefused) || !strings.Contains(err.Error(), "not you") {
					t.Errorf("%v, want what Authorize says", err)
				}
			}
		})
	}
}

// The listener may have refused and hung up before the dialer has said HELLO.
func TestARefusalIsHeardHoweverFastItComes(t *testing.T) {
	residue(t)
	addr := address()
	s := serve(t, addr, shm.Options{Authorize: func(engine.Peer) error { return errors.New("nobody today") }}, engine.Config{})
	o := &shm.Options{Engine: newEngine(t, engine.Config{})}
	for i := range 300 {
		_, err := shm.Dial(watchdog(t), addr, o)
		if !errors.Is(err, shm.ErrRefused) || !strings.Contains(err.Error(), "nobody today") {
			t.Fatalf("dial %d: %v", i, err)
		}
		_ = s.log.take(t, "peer refused")
	}
	c := startChild(t, "dial", "ADDR="+addr)
	if said := c.tell("refused 300"); said != "ok" {
		t.Error(said)
	}
}

func TestTheSocketFileOfADeadServerIsReplacedAndOfALivingOneRefused(t *testing.T) {
	residue(t)
	path := filepath.Join(t.TempDir(), "socket")
	c := startChild(t, "serve", "ADDR="+path)
	c.hear()
	o := &shm.Options{Engine: newEngine(t, engine.Config{})}
	client := dial(t, path, o)
	if _, err := shm.Listen(watchdog(t), path, o); !errors.Is(err, fd.ErrInUse) {
		t.Errorf("beside a living server: %v, want ErrInUse", err)
	}
	client.goesOn(t)

	c.kill()
	<-client.Done()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the dead server left no socket: %v", err)
	}
	if _, err := shm.Dial(watchdog(t), path, o); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial a dead server: %v, want ECONNREFUSED", err)
	}
	s := serve(t, path, shm.Options{}, engine.Config{})
	dial(t, path, o).goesOn(t)
	s.stop()
	if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 0 {
		t.Errorf("a closed listener left %v, %v", list, err)
	}
}
