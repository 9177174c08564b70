package rig

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"time"
)

// fdControl is the descriptor at which a second process has its end of the conversation.
const fdControl = 3

// FirstFile is the descriptor at which it has the first of the files that it was given.
const FirstFile = fdControl + 1

// ErrNotAPeer says that a process was not started by Spawn.
var ErrNotAPeer = errors.New("the second process of a measurement is started by the first, not by hand")

// Inherit returns the second process's end of the conversation.
func Inherit() (*Control, error) {
	f := os.NewFile(fdControl, "control")
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, ErrNotAPeer
	}
	_ = f.Close() // conn has its own duplicate
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, ErrNotAPeer
	}
	return NewControl(unixConn), nil
}

// Control is one end of the conversation. Not for concurrent use, except that one goroutine may read while another
// writes.
type Control struct {
	Conn *net.UnixConn
	enc  *json.Encoder
	dec  *json.Decoder
}

// NewControl makes an end of a connection, which it then owns.
func NewControl(conn *net.UnixConn) *Control {
	return &Control{Conn: conn, enc: json.NewEncoder(conn), dec: json.NewDecoder(conn)}
}

// Send writes a value.
func (c *Control) Send(v any) error { return c.enc.Encode(v) }

// Receive waits until the deadline; the zero time stands for ever.
func (c *Control) Receive(v any, deadline time.Time) error {
	if err := c.Conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	return c.dec.Decode(v)
}
