package perf

import (
	"encoding/json"
	"errors"
	"net"
	"time"
)

// The two processes of a run speak over a socketpair, one JSON value a line:
//
//	first process             second process
//	plan                ->
//	                    <-    reply (both halves are open, or an error)
//	command{run}        ->
//	                    <-    running (the hot thread is about to run)
//	                    <-    reply (the outcome)
//	command{stop}       ->    (at any time; makes the slice in progress fail)
//	command{end}        ->
//	                    <-    reply (everything is closed), then it exits
//
// Should the first process die, the second reads the end of the stream and exits.
const (
	fdControl = 3 + iota
	fdMemory
	fdFarBell
	fdNearBell
	fdSocket // and those after it: one for each contestant that goes over a bare connection
)

// plan is what the second process is told first.
type plan struct {
	Kind        kind
	Config      Config
	Address     string   // as in env
	Addresses   []string // of the contestants, after the first process has prepared them
	Certificate []byte   // as in env
}

type verb string

const (
	run  verb = "run"
	stop verb = "stop"
	end  verb = "end"
)

type command struct {
	Verb  verb
	Order order
}

type reply struct {
	Outcome outcome
	Err     string
}

func replyOf(o outcome, err error) reply {
	r := reply{Outcome: o}
	if err = errors.Join(err, o.Err); err != nil {
		r.Err = err.Error()
	}
	return r
}

// running stands apart from reply because it is sent while allocations are counted: it costs none.
var running = []byte("{}\n")

// control is one end of the conversation. Not for concurrent use, except that one goroutine may read while another
// writes.
type control struct {
	conn *net.UnixConn
	enc  *json.Encoder
	dec  *json.Decoder
}

func newControl(conn *net.UnixConn) *control {
	return &control{conn: conn, enc: json.NewEncoder(conn), dec: json.NewDecoder(conn)}
}

func (c *control) send(v any) error { return c.enc.Encode(v) }

// receive waits until the deadline; the zero time stands for ever.
func (c *control) receive(v any, deadline time.Time) error {
	if err := c.conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	return c.dec.Decode(v)
}
