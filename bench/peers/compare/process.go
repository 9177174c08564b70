package compare

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one worker.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan string // its standard output; closed at its end
	stderr tail
	exited chan struct{}
	exit   error
}

// tail keeps the end of what a worker writes to its standard error.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailBytes = 2 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if extra := len(t.b) - tailBytes; extra > 0 {
		t.b = t.b[extra:]
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.b))
}

// start starts a worker, confined to a core (-1: to none), with these files as descriptors from 3 on.
func start(core int, files []*os.File, name string, args ...string) (*process, error) {
	cmd := exec.Command(name, args...)
	p := &process{cmd: cmd, lines: make(chan string, 16), exited: make(chan struct{})}
	cmd.ExtraFiles = files
	cmd.Stderr = &p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe() // not StdoutPipe, which Wait closes before all is read
	if err != nil {
		return nil, err
	}
	cmd.Stdout = w
	started := make(chan error)
	go func() {
		// A thread of its own: the worker inherits its cores, and the kernel sends Pdeathsig when it ends, so it must stay. It is
		// not given back, as it is bound.
		runtime.LockOSThread()
		err := confine(core)
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			p.exit = cmd.Wait()
			close(p.exited)
		}
	}()
	err = <-started
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	go func() {
		defer close(p.lines)
		defer r.Close()
		s := bufio.NewScanner(r)
		for s.Scan() {
			p.lines <- s.Text()
		}
	}()
	return p, nil
}

// confine binds the calling thread, and what it starts, to a core.
func confine(core int) error {
	if core < 0 {
		return nil
	}
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("bind to core %d: %w", core, err)
	}
	return nil
}

// errTimeout reports a worker that does not answer.
var errTimeout = errors.New("no answer")

// line waits for the next line of its output.
func (p *process) line(timeout time.Duration) (string, error) {
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case l, ok := <-p.lines:
		if !ok {
			return "", p.why()
		}
		return l, nil
	case <-t.C:
		return "", fmt.Errorf("%w within %v", errTimeout, timeout)
	}
}

// why says why a worker has ended.
func (p *process) why() error {
	<-p.exited
	text := p.stderr.String()
	if i := strings.LastIndexByte(text, '\n'); i >= 0 && !strings.Contains(text, "goroutine ") {
		text = text[i+1:]
	} else if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	switch {
	case text != "":
		return errors.New(text)
	case p.exit != nil:
		return fmt.Errorf("it has ended: %w", p.exit)
	}
	return errors.New("it has ended")
}

// ask sends an order and reads the answer into v.
func (p *process) ask(timeout time.Duration, v any, words ...any) error {
	if err := p.send(words...); err != nil {
		return err
	}
	return p.answer(timeout, v)
}

func (p *process) send(words ...any) error {
	_, err := fmt.Fprintln(p.in, words...)
	if err != nil && len(p.lines) == 0 {
		select {
		case <-p.exited:
			return p.why()
		default:
		}
	}
	return err
}

func (p *process) answer(timeout time.Duration, v any) error {
	l, err := p.line(timeout)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(l), v); err != nil {
		return fmt.Errorf("the worker said %q: %w", l, err)
	}
	return nil
}

// ready waits until a worker serves or is connected, and returns its address.
func (p *process) ready(timeout time.Duration) (string, error) {
	l, err := p.line(timeout)
	if err != nil {
		return "", err
	}
	addr, ok := strings.CutPrefix(l, "ready ")
	if !ok {
		return "", fmt.Errorf("the worker said %q, not that it is ready", l)
	}
	return addr, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// halt stops the process where it is, resume lets it go on.
func (p *process) halt()   { _ = p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *process) resume() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }

// kill ends the process.
func (p *process) kill() {
	_ = p.in.Close()
	_ = p.cmd.Process.Kill()
	<-p.exited
	for range p.lines { //nolint:revive // drained, so that its reader ends
	}
}

// memory is what the process has in memory that is not a file's: its own, and what it shares by shared memory.
func (p *process) memory() (bytes int64, err error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid()) + "/status")
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(l, ":")
		if name != "RssAnon" && name != "RssShmem" {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, err
		}
		bytes += kib << 10
	}
	return bytes, nil
}
