package rig

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// EndTimeout is how long a process has to end when it was asked to.
const EndTimeout = 5 * time.Second

// Process is a second process as the first one sees it. Tell may be called by several goroutines at once, Hear by one at a time.
type Process struct {
	*Control
	Name   string // in errors
	Cmd    *exec.Cmd
	stderr head
	gone   chan struct{} // closed after the process has been waited for
	exit   error         // then: what Wait returned
	send1  sync.Mutex
}

// Spawn starts a process that serves this one, and inherits these files, as the descriptors from FirstFile on.
func Spawn(cmd *exec.Cmd, files []*os.File) (*Process, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	mine, theirs := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	defer theirs.Close()
	conn, err := net.FileConn(mine)
	_ = mine.Close() // conn has its own duplicate
	if err != nil {
		return nil, err
	}
	far := &Process{Control: NewControl(conn.(*net.UnixConn)), Name: "second process", Cmd: cmd, gone: make(chan struct{})}
	cmd.ExtraFiles = append([]*os.File{fdControl - 3: theirs}, files...)
	cmd.Stderr = &far.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The kernel sends Pdeathsig when the thread that started the process ends, so that thread must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		far.exit = cmd.Wait()
		close(far.gone)
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("start the second process: %w", err), conn.Close())
	}
	return far, nil
}

// Gone is closed when the process has ended.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Tell sends it a value.
func (p *Process) Tell(v any) error {
	p.send1.Lock()
	defer p.send1.Unlock()
	if err := p.Send(v); err != nil {
		return p.Explain(err)
	}
	return nil
}

// Hear receives a value from it, until the deadline.
func (p *Process) Hear(v any, deadline time.Time) error {
	if err := p.Receive(v, deadline); err != nil {
		return p.Explain(err)
	}
	return nil
}

// Close hangs up, which ends the process, and ends it if it does not. It is gone when Close returns.
func (p *Process) Close() error {
	err := p.Conn.Close()
	select {
	case <-p.gone:
	case <-time.After(EndTimeout):
	}
	_ = p.Cmd.Process.Kill() // an error means that it has ended
	<-p.gone
	return err
}

// Explain adds what the process left behind when it died.
func (p *Process) Explain(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the %s does not answer: %w", p.Name, err)
	}
	select {
	case <-p.gone:
	case <-time.After(EndTimeout):
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	if said := strings.TrimSpace(p.stderr.String()); said != "" {
		return fmt.Errorf("the %s died (%v) and said: %s", p.Name, p.exit, said)
	}
	return fmt.Errorf("the %s died (%v)", p.Name, p.exit)
}

// head keeps the first bytes written to it: of a Go program that crashes, those that matter.
type head struct {
	mu   sync.Mutex
	kept []byte
}

func (t *head) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const most = 4 << 10
	t.kept = append(t.kept, b[:min(len(b), most-len(t.kept))]...)
	return len(b), nil
}

func (t *head) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
