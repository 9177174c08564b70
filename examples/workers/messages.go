package main

import "github.com/corechan/corechan/engine"

//go:generate msgp -io=false -tests=false -file messages.go -o messages_gen.go

// A Registration makes its sender a worker: it takes jobs, one at a time, from the other end of Jobs. The dispatcher
// closes Jobs when there are no more.
type Registration struct {
	Name string
	Jobs engine.Sender[Job]
}

// Carry implements engine.Carrier.
func (r *Registration) Carry(c *engine.Cargo) error { return r.Jobs.Carry(c) }

// A Job is something to do, and where the result is wanted. Who fails to do it closes Result with the error.
type Job struct {
	Path   string
	Result engine.Sender[Result]
}

// Carry implements engine.Carrier.
func (j *Job) Carry(c *engine.Cargo) error { return j.Result.Carry(c) }

// A Result is the answer to a job.
type Result struct {
	Sum string
	// Err says that the job itself failed; another worker would fail too.
	Err string
}
