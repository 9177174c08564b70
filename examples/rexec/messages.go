package main

import (
	"context"
	"io"

	"github.com/corechan/corechan/engine"
)

//go:generate go run github.com/corechan/corechan/cmd/corechan gen

// Commands runs commands.
//
//corechan:service
type Commands interface {
	// Run runs a command until it ends, and returns how it did, after all its output was written. The end of ctx kills it. Events
	// happen at the client's side while it runs.
	Run(ctx context.Context, c *Command, stdin io.ReadCloser, stdout, stderr io.WriteCloser, events engine.Receiver[Event]) (Status, error)
}

// A Command is what is to be run.
//
//corechan:message
type Command struct {
	Args []string
	// Terminal: the command runs on one. Then its output and its errors are one stream, its standard output.
	Terminal bool
	Type     string // of the terminal: TERM
	Rows     uint16
	Cols     uint16
}

// An Event is a signal for the command, if Signal is not 0, or else the new size of its terminal.
//
//corechan:message
type Event struct {
	Signal int
	Rows   uint16
	Cols   uint16
}

// A Status is how a command ended: with an exit code, or by a signal if that is not 0.
//
//corechan:message
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
