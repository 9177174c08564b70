package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/corechan/corechan/engine"
)

// openTimeout bounds a Dial whose context has no deadline: longer than a gateway takes to answer by default.
const openTimeout = 30 * time.Second

// DialOptions say how a connection is opened. The zero value, and nil, is a good choice.
type DialOptions struct {
	// Token is presented to the gateway, as a bearer token.
	Token string
}

// Dial opens a connection to what the gateway at the other side of a session offers under a name. It is the caller's to close, and
// one of these:
//
//   - a *net.TCPConn or *net.UnixConn, the connection to the upstream itself, where that can be handed over. It depends neither on
//     the session nor on the gateway.
//   - a *net.TCPConn to the gateway, where the session is plain TCP: it depends on the gateway, not on the session.
//   - a *Conn, whose bytes travel on the session, and which ends with it.
//
// If it fails, the error is an *OpenError. A ctx without a deadline is given 30 s.
func Dial(ctx context.Context, sess *engine.Session, offer string) (net.Conn, error) {
	return DialWith(ctx, sess, offer, nil)
}

// DialWith is Dial with options.
func DialWith(ctx context.Context, sess *engine.Session, offer string, o *DialOptions) (net.Conn, error) {
	if o == nil {
		o = &DialOptions{}
	}
	return dial(ctx, sess, offer, o.Token, engine.Receiver[report]{})
}

// dial is Dial; reports, if set, are what comes of a connection that is handed over.
func dial(ctx context.Context, sess *engine.Session, offer, token string, reports engine.Receiver[report]) (net.Conn, error) {
	if _, ok := ctx.Deadline(); !ok {
		c, cancel := context.WithTimeoutCause(ctx, openTimeout, noAnswer(sess, openTimeout))
		defer cancel()
		ctx = c
	}
	ans, err := open(ctx, sess, token, request{Offer: offer, Report: reports, Side: sess.Sides() != nil})
	if err == nil && len(ans.Side) != 0 && ans.Conn == nil && ans.Read == nil && ans.Write == nil {
		conn, jerr := join(ctx, sess, ans.Side)
		if jerr == nil {
			return conn, nil
		}
		// Perhaps another listener is at that address now and then. The gateway gives its connection up by itself.
		sess.Logger().Debug("no connection beside the session", "peer", sess.Peer().Addr, "reason", jerr)
		ans, err = open(ctx, sess, token, request{Offer: offer})
	}
	if err != nil {
		return nil, openError(offer, err)
	}
	conn, err := ans.conn(sess, offer)
	if err != nil {
		return nil, openError(offer, err)
	}
	return conn, nil
}

// open asks for a connection.
func open(ctx context.Context, sess *engine.Session, token string, req request) (ans answer, err error) {
	err = ask(ctx, sess, openName, token, &req, &req.Answer, &ans)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrNoAnswer) {
		err = cause
	}
	return ans, err
}

func noAnswer(sess *engine.Session, after time.Duration) error {
	return fmt.Errorf("%w within %v: is there a gateway at %s?", ErrNoAnswer, after, sess.Peer().Addr)
}

// conn returns the connection that came, which is checked: the gateway need not be what it should.
func (a *answer) conn(sess *engine.Session, offer string) (net.Conn, error) {
	read, _ := a.Read.(*engine.StreamReader)
	write, _ := a.Write.(*engine.StreamWriter)
	switch conn := a.Conn.(type) {
	case *net.TCPConn:
		if a.Read == nil && a.Write == nil {
			return conn, nil
		}
	case *net.UnixConn:
		if network := conn.LocalAddr().Network(); a.Read == nil && a.Write == nil && network == "unix" {
			return conn, nil
		}
	case *engine.StreamConn: // another process in between could not hand it on
		if a.Read == nil && a.Write == nil {
			return &Conn{StreamConn: conn, offer: offer, peer: sess.Peer().Addr}, nil
		}
	case nil:
		if read != nil && write != nil {
			s := &engine.StreamConn{StreamReader: read, StreamWriter: write}
			return &Conn{StreamConn: s, offer: offer, peer: sess.Peer().Addr}, nil
		}
	}
	if a.Conn != nil {
		_ = a.Conn.Close()
	}
	if a.Read != nil {
		_ = a.Read.Close()
	}
	if a.Write != nil {
		_ = a.Write.Close()
	}
	return nil, fmt.Errorf("%w: the answer has no connection in it", engine.ErrMalformed)
}

// A Conn is a connection whose bytes travel on a session. It is used as any net.Conn; CloseWrite ends one direction. Reads and Writes of
// one that broke at the other side fail with syscall.ECONNRESET, and the reason as text.
type Conn struct {
	*engine.StreamConn
	offer, peer string
}

// Read implements net.Conn.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.StreamConn.Read(b)
	return n, c.named("read", err)
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.StreamConn.Write(b)
	return n, c.named("write", err)
}

// WriteTo implements io.WriterTo: it is what io.Copy uses.
func (c *Conn) WriteTo(w io.Writer) (int64, error) {
	n, err := c.StreamConn.WriteTo(w)
	return n, c.named("read", err)
}

// ReadFrom implements io.ReaderFrom: it is what io.Copy uses.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	n, err := c.StreamConn.ReadFrom(r)
	return n, c.named("write", err)
}

func (c *Conn) named(op string, err error) error {
	var ce *engine.ChannelError
	if !errors.As(err, &ce) || ce.Code != codeReset {
		return err
	}
	return &net.OpError{Op: op, Net: "gateway", Addr: c.RemoteAddr(), Err: fmt.Errorf("%w: %s", syscall.ECONNRESET, ce.Text)}
}

// RemoteAddr is the name of the offer and the address of the gateway: "redis at shm:///run/gw.sock".
func (c *Conn) RemoteAddr() net.Addr { return address(c.offer + " at " + c.peer) }

type address string

func (address) Network() string  { return "gateway" }
func (a address) String() string { return string(a) }
