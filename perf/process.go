package perf

import (
	"context"
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

// farSide is the other half of a run as the first process sees it. Its methods are called by one goroutine; stop by any.
type farSide interface {
	open(ctx context.Context) error // returns when both halves are open
	begin(o order) error            // returns when the far thread is about to run the slice
	end() (outcome, error)          // waits for the slice begun
	stop()
	lost() <-chan struct{} // is closed when the far side is gone
	close() error
}

const (
	startTimeout = 20 * time.Second
	endTimeout   = 5 * time.Second
)

// process is a far side in a process of its own.
type process struct {
	*control
	name   string
	plan   plan         // but for the addresses
	all    []contestant // which have them
	cmd    *exec.Cmd
	stderr head
	gone   chan struct{} // closed after the process has been waited for
	exit   error         // then: what Wait returned
	failed bool          // it has told of an error, or said something else than expected
	send1  sync.Mutex    // stop may come at any time
}

// startProcess starts the second process of a run, which inherits what is shared.
func startProcess(cmd *exec.Cmd, k kind, e *env, all []contestant, s *shared) (*process, error) {
	files := []*os.File{fdMemory - fdMemory: s.memory, fdFarBell - fdMemory: s.bells[0], fdNearBell - fdMemory: s.bells[1]}
	far, err := spawn(cmd, append(files, s.far...)) // fdSocket
	if err != nil {
		return nil, err
	}
	s.given()
	far.all, far.plan = all, plan{Kind: k, Config: e.config, Address: e.address, Certificate: e.certificate}
	return far, nil
}

// spawn starts a process that serves this one, and inherits these files from fdMemory on.
func spawn(cmd *exec.Cmd, files []*os.File) (*process, error) {
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
	far := &process{control: newControl(conn.(*net.UnixConn)), name: "second process", cmd: cmd, gone: make(chan struct{})}
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

func (p *process) open(ctx context.Context) error {
	for _, c := range p.all {
		p.plan.Addresses = append(p.plan.Addresses, c.env.address)
	}
	if err := p.tell(p.plan); err != nil {
		return err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(startTimeout)
	}
	_, err := p.hear(deadline)
	return err
}

func (p *process) begin(o order) error {
	if err := p.tell(command{Verb: run, Order: o}); err != nil {
		return err
	}
	_, err := p.hear(time.Now().Add(startTimeout))
	return err
}

func (p *process) end() (outcome, error) { return p.hear(time.Now().Add(sliceTimeout)) }

func (p *process) stop() { _ = p.tell(command{Verb: stop}) }

func (p *process) lost() <-chan struct{} { return p.gone }

// close asks the process to end, and ends it if it does not. It is gone when close returns.
func (p *process) close() error {
	var err error
	if !p.failed {
		if err = p.tell(command{Verb: end}); err == nil {
			_, err = p.hear(time.Now().Add(endTimeout))
		}
	}
	err = errors.Join(err, p.conn.Close())
	select {
	case <-p.gone:
	case <-time.After(endTimeout):
	}
	_ = p.cmd.Process.Kill() // an error means that it has ended
	<-p.gone
	return err
}

func (p *process) tell(v any) error {
	p.send1.Lock()
	defer p.send1.Unlock()
	if err := p.send(v); err != nil {
		return p.explain(err)
	}
	return nil
}

func (p *process) hear(deadline time.Time) (outcome, error) {
	var r reply
	if err := p.receive(&r, deadline); err != nil {
		p.failed = true
		return outcome{}, p.explain(err)
	}
	if r.Err != "" {
		p.failed = true
		return outcome{}, fmt.Errorf("%s: %s", p.name, r.Err)
	}
	return r.Outcome, nil
}

// explain adds what the process left behind when it died.
func (p *process) explain(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the %s does not answer: %w", p.name, err)
	}
	select {
	case <-p.gone:
	case <-time.After(endTimeout):
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if said := strings.TrimSpace(p.stderr.String()); said != "" {
		return fmt.Errorf("the %s died (%v) and said: %s", p.name, p.exit, said)
	}
	return fmt.Errorf("the %s died (%v)", p.name, p.exit)
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

// thread is a far side in this process.
type thread struct {
	crew  *crew
	all   []contestant
	stuck bool
}

func (t *thread) open(ctx context.Context) error { return t.crew.open(ctx, t.all) }

func (t *thread) begin(o order) error {
	t.crew.begin(o, nil)
	return nil
}

func (t *thread) end() (outcome, error) {
	select {
	case o := <-t.crew.done:
		return o, o.Err
	case <-time.After(sliceTimeout):
		t.stuck = true
		return outcome{}, errors.New("the far thread does not come back")
	}
}

func (t *thread) stop() { t.crew.stop() }

func (t *thread) lost() <-chan struct{} { return nil }

func (t *thread) close() error {
	if t.stuck {
		return nil // what it may still use is left alone
	}
	return t.crew.dismiss()
}
