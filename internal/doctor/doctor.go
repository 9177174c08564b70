// Package doctor tells what a machine offers to corechan: which kernel features
// are there, how cores, memory and limits are set up, and what the process may do.
//
// Each finding says what the thing is for and, where it is wanting, how to get it.
// What files tell is read through an [fs.FS] and what only a system call tells
// through [Probes], so that tests look at machines they do not run on.
package doctor

import (
	"context"
	"io/fs"
	"os"
)

// Status is what a finding comes to.
type Status string

const (
	// OK: it is there, and set as corechan likes it.
	OK Status = "ok"
	// Warn: it is there, but costs speed, steadiness or room.
	Warn Status = "warn"
	// Missing: it is not there; what needs it does without or is refused.
	Missing Status = "missing"
	// Unknown: this machine does not tell.
	Unknown Status = "unknown"
)

// Finding is one thing about the machine.
type Finding struct {
	Group  string `json:"group"`
	Name   string `json:"name"`
	Value  string `json:"value"`
	Status Status `json:"status"`
	Why    string `json:"why"`           // what it is for
	Fix    string `json:"fix,omitempty"` // how to get it; empty where there is nothing to do
}

// Host is a machine to look at. It holds no state of its own: Run may be called
// concurrently if Files and the probes allow it, and those of [ThisHost] do.
type Host struct {
	Files  fs.FS // the tree from "/" on, of which only proc and sys are read
	Probes Probes
}

// ThisHost is the machine this process runs on.
func ThisHost() *Host {
	return &Host{Files: os.DirFS("/"), Probes: systemProbes()}
}

// Run looks at the machine this process runs on.
func Run(ctx context.Context) []Finding {
	return ThisHost().Run(ctx)
}

// Run makes every check, in an order that does not change. It stops between two checks
// when ctx ends, and returns what it has by then.
func (h *Host) Run(ctx context.Context) []Finding {
	var found []Finding
	for _, g := range groups() {
		for _, c := range g.checks {
			if ctx.Err() != nil {
				return found
			}
			a := c.look(h)
			found = append(found, Finding{
				Group: g.name, Name: c.name, Why: c.why,
				Value: a.value, Status: a.status, Fix: a.fix,
			})
		}
	}
	return found
}

// groups lists the checks in the order in which they are made and printed.
func groups() []group {
	return []group{
		kernelGroup(),
		coresGroup(),
		isolationGroup(),
		clockGroup(),
		pagesGroup(),
		memoryGroup(),
		limitsGroup(),
		privilegesGroup(),
	}
}

type group struct {
	name   string
	checks []check
}

// check is one question: its name, what the answer is good for, and how to find it.
type check struct {
	name string
	why  string
	look func(*Host) answer
}

type answer struct {
	value  string
	status Status
	fix    string
}

func ok(value string) answer           { return answer{value: value, status: OK} }
func warn(value, fix string) answer    { return answer{value, Warn, fix} }
func missing(value, fix string) answer { return answer{value, Missing, fix} }
func unknown(value, fix string) answer { return answer{value, Unknown, fix} }
