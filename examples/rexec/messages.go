package main

import (
	"errors"
	"io"

	"github.com/corechan/corechan/engine"
)

//go:generate msgp -io=false -tests=false -file messages.go -o messages_gen.go

// A Command is what is to be run, with everything it is connected to.
type Command struct {
	Args []string
	// Terminal: the command runs on one. Then its output and its errors are one stream, Stdout.
	Terminal bool
	Type     string // of the terminal: TERM
	Rows     uint16
	Cols     uint16

	Stdin  engine.Carried[io.ReadCloser]
	Stdout engine.Carried[io.WriteCloser]
	Stderr engine.Carried[io.WriteCloser]
	// Events happen at the client's side while the command runs.
	Events engine.Receiver[Event]
	// Status is told when the command has ended and all its output is sent. If the client cancels it, or is gone, the command
	// is killed.
	Status engine.Sender[Status]
}

// Carry implements engine.Carrier.
func (c *Command) Carry(to *engine.Cargo) error {
	return errors.Join(c.Stdin.Carry(to), c.Stdout.Carry(to), c.Stderr.Carry(to), c.Events.Carry(to), c.Status.Carry(to))
}

// An Event is a signal for the command, if Signal is not 0, or else the new size of its terminal.
type Event struct {
	Signal int
	Rows   uint16
	Cols   uint16
}

// A Status is how a command ended: with an exit code, or by a signal if that is not 0.
type Status struct {
	Code   int
	Signal int
}

// exitCode is the status as shells report it.
func (s Status) exitCode() int {
	if s.Signal != 0 {
		return 128 + s.Signal
	}
	return s.Code
}
