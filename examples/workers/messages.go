package main

import "context"

//go:generate go run github.com/corechan/corechan/cmd/corechan gen

// A Dispatcher has jobs.
//
//corechan:service
type Dispatcher interface {
	// Register has w do jobs, one at a time, until there are no more, or ctx ends.
	Register(ctx context.Context, name string, w Worker) error
}

// A Worker does jobs.
//
//corechan:service
type Worker interface {
	// Do returns the checksum of a file. If it fails, another worker would fail too.
	Do(ctx context.Context, path string) (sum string, err error)
}
