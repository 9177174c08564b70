package main

import (
	"os"

	"github.com/corechan/corechan/engine"
)

//go:generate go run github.com/corechan/corechan/cmd/corechan gen

// A Request asks for the log.
//
//corechan:message
type Request struct {
	Reply engine.Sender[Log]
}

// A Log is a file that can be appended to. To a process on this machine it is the descriptor itself: writing is a system
// call, with nobody in between.
//
//corechan:message
type Log struct {
	Path string
	File *os.File
}
