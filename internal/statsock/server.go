package statsock

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/corechan/corechan/fd"
)

const (
	prefix   = "@corechan/1/"
	question = '?'
	wishing  = '#' // question, and a wish
	answer   = '!'

	// maxAskers bounds the connections to one process; more are hung up on.
	maxAskers = 8
	// defaultPace is how long it takes from one answer to the next, at least.
	defaultPace = 20 * time.Millisecond
	// patience is how long an asker may be silent, defaultSendPatience how long it may leave answers unread that fill the socket.
	patience            = time.Minute
	defaultSendPatience = time.Second
)

// A Server answers those who ask. Its methods may be used by several goroutines at once.
type Server struct {
	page func() ([]byte, error)
	wish func() // nil: wishes are not granted
	pace time.Duration
	// sendPatience: see defaultSendPatience.
	sendPatience time.Duration
	ln           *net.UnixListener
	done         chan struct{}

	mu     sync.Mutex
	closed bool
	askers map[*net.UnixConn]struct{}
}

// Listen answers with what page returns, which is called on goroutines of the server's, several at once. The caller closes the
// Server. One goroutine waits for askers, and each of these has one.
func Listen(page func() ([]byte, error)) (*Server, error) {
	return ListenWishing(page, nil)
}

// ListenWishing is Listen where askers may have a wish, which is granted by calling wish before the page is made.
func ListenWishing(page func() ([]byte, error), wish func()) (*Server, error) {
	return listenWith(&Server{page: page, wish: wish, pace: defaultPace, sendPatience: defaultSendPatience})
}

func listenWith(s *Server) (*Server, error) {
	var random [6]byte
	_, _ = rand.Read(random[:]) // it never fails
	name := fmt.Sprintf("%s%d/%d-%s", prefix, os.Geteuid(), os.Getpid(), hex.EncodeToString(random[:]))
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, err
	}
	s.ln, s.done, s.askers = ln, make(chan struct{}), map[*net.UnixConn]struct{}{}
	go s.accept()
	return s, nil
}

// Name returns the socket's name.
func (s *Server) Name() string { return s.ln.Addr().String() }

// Close hangs up on all askers. It does not wait for a call of page that is under way. A second call returns os.ErrClosed.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	s.closed = true
	close(s.done)
	for c := range s.askers {
		_ = c.Close()
	}
	return s.ln.Close()
}

func (s *Server) accept() {
	for pause := time.Millisecond; ; {
		c, err := s.ln.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of descriptors: who asks waits
			s.sleep(pause)
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		if !s.admit(c) {
			_ = c.Close()
			continue
		}
		go s.serve(c)
	}
}

// admit reports whether c may ask.
func (s *Server) admit(c *net.UnixConn) bool {
	cred, err := peerCred(c)
	if err != nil || cred.UID != 0 && cred.UID != uint32(os.Geteuid()) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.askers) >= maxAskers {
		return false
	}
	s.askers[c] = struct{}{}
	return true
}

func (s *Server) serve(c *net.UnixConn) {
	defer func() {
		s.mu.Lock()
		delete(s.askers, c)
		s.mu.Unlock()
		_ = c.Close()
	}()
	var b [1]byte
	for {
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Read(b[:]); err != nil || b[0] != question && b[0] != wishing {
			return
		}
		if b[0] == wishing && s.wish != nil {
			s.wish()
		}
		next := time.Now().Add(s.pace)
		_ = c.SetWriteDeadline(time.Now().Add(s.sendPatience))
		if s.send(c) != nil {
			return
		}
		s.sleep(time.Until(next)) // what is asked meanwhile waits
	}
}

// send answers once.
func (s *Server) send(c *net.UnixConn) error {
	page, err := s.page()
	if err != nil {
		return err
	}
	f, err := fd.Sealed("corechan-stats", page)
	if err != nil {
		return err
	}
	defer f.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	if werr := raw.Write(func(sock uintptr) bool {
		_, err = fd.SendMsg(int(sock), []byte{answer}, []int{f.Int()}, fd.DontWait)
		return !isAgain(err)
	}); werr != nil {
		return werr
	}
	return err
}

func peerCred(c *net.UnixConn) (cred fd.Cred, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return cred, err
	}
	if cerr := raw.Control(func(sock uintptr) { cred, err = fd.PeerCred(int(sock)) }); cerr != nil {
		return cred, cerr
	}
	return cred, err
}

// sleep ends early when the server is closed.
func (s *Server) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.done:
	}
}

func namesOf(uid int) string { return prefix + strconv.Itoa(uid) + "/" }
