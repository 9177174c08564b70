package perf

import (
	"errors"

	"github.com/corechan/corechan/perf/rig"
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
	fdMemory = rig.FirstFile + iota
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
