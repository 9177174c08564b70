package main

import (
	"os"

	"github.com/corechan/corechan/engine"
)

//go:generate msgp -io=false -tests=false -file messages.go -o messages_gen.go

// A Request asks for the log.
type Request struct {
	Reply engine.Sender[Log]
}

// Carry implements engine.Carrier.
func (r *Request) Carry(c *engine.Cargo) error { return r.Reply.Carry(c) }

// A Log is a file that can be appended to. To a process on this machine it is the descriptor itself: writing is a system
// call, with nobody in between.
type Log struct {
	Path string
	File engine.Carried[*os.File]
}

// Carry implements engine.Carrier.
func (l *Log) Carry(c *engine.Cargo) error { return l.File.Carry(c) }
