package statsock

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/corechan/corechan/fd"
)

// Errors of what is at the other side.
var (
	// ErrForeign refuses what another user's process says.
	ErrForeign = errors.New("it is another user's process")
	// ErrHungUp says that the process has ended, or has nothing to tell any more, or that too many ask it.
	ErrHungUp = errors.New("it hung up: it has no session any more, or too many ask it")
	// ErrAnswer says that what came is no answer.
	ErrAnswer = errors.New("it does not answer as it should")
)

const networkSockets = "/proc/net/unix"

// List returns the names of those that can be asked, limit of them at most: the user's own processes, or for root everybody's. What is
// in the list need not answer.
func List(limit int) ([]string, error) {
	f, err := os.Open(networkSockets)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	want := prefix
	if uid := os.Geteuid(); uid != 0 {
		want = namesOf(uid)
	}
	return list(f, want, limit)
}

// list reads the kernel's list of sockets: "Num RefCount Protocol Flags Type St Inode Path", see proc_net(5).
func list(r io.Reader, want string, limit int) (names []string, err error) {
	const listens = "00010000"
	lines := bufio.NewScanner(r)
	for len(names) < limit && lines.Scan() {
		if !bytes.Contains(lines.Bytes(), []byte(want)) {
			continue
		}
		field := strings.Fields(lines.Text())
		if len(field) == 8 && field[3] == listens && strings.HasPrefix(field[7], want) && len(field[7]) <= fd.MaxUnixAddr {
			names = append(names, field[7])
		}
	}
	return names, lines.Err()
}

// A Conn is a connection to one that can be asked. One goroutine at a time may use it.
type Conn struct {
	// Cred is who listens.
	Cred fd.Cred

	c *net.UnixConn
	r fd.Receiver
}

// Dial connects to one of the names of List. The caller closes the Conn. It fails with ErrForeign if the listener is another user's,
// unless the caller is root.
func Dial(ctx context.Context, name string) (*Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", name)
	if err != nil {
		return nil, err
	}
	conn := &Conn{c: c.(*net.UnixConn), r: fd.Receiver{MaxFDs: 1}}
	conn.Cred, err = peerCred(conn.c)
	if uid := os.Geteuid(); err == nil && uid != 0 && conn.Cred.UID != uint32(uid) {
		err = ErrForeign
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return conn, nil
}

// Close hangs up.
func (c *Conn) Close() error { return c.c.Close() }

// Ask returns a page, of limit bytes at most. After an error, close the Conn. What the page says is whatever its process wants
// it to say.
func (c *Conn) Ask(ctx context.Context, limit int) ([]byte, error) {
	return c.askFor(ctx, question, limit)
}

// AskWishing is Ask with a wish: see ListenWishing. A process that is older than wishes hangs up.
func (c *Conn) AskWishing(ctx context.Context, limit int) ([]byte, error) {
	return c.askFor(ctx, wishing, limit)
}

func (c *Conn) askFor(ctx context.Context, what byte, limit int) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	_ = c.c.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = c.c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	f, err := c.ask(what)
	if ctx.Err() != nil && err != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := fd.ReadSealed(f, limit)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return b, nil
}

func (c *Conn) ask(what byte) (*fd.FD, error) {
	if _, err := c.c.Write([]byte{what}); err != nil {
		return nil, hungUp(err)
	}
	raw, err := c.c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var b [1]byte
	var fds []*fd.FD
	if rerr := raw.Read(func(sock uintptr) bool {
		_, fds, err = c.r.Recv(int(sock), b[:], fd.DontWait)
		return !isAgain(err)
	}); rerr != nil {
		return nil, rerr
	}
	if err != nil {
		return nil, hungUp(err)
	}
	if b[0] != answer || len(fds) != 1 {
		for _, f := range fds {
			f.Close()
		}
		return nil, ErrAnswer
	}
	return fds[0], nil
}

func hungUp(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return ErrHungUp
	}
	return err
}

func isAgain(err error) bool { return errors.Is(err, syscall.EAGAIN) }
