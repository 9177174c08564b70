package main

import "github.com/corechan/corechan/engine"

//go:generate go run github.com/corechan/corechan/cmd/corechan gen

// A Subscription asks for all events from now on.
//
//corechan:message
type Subscription struct {
	Name string
	// Queue is how many events are kept for a subscriber that does not keep up, beside what its channel holds. Beyond
	// that, the oldest is dropped.
	Queue  uint16
	Events engine.Sender[Event]
}

// An Event is one line of the producer's.
//
//corechan:message
type Event struct {
	Seq  uint64 // counts from 1
	Text string
	// Missed is how many events before this one were dropped because the subscriber was too slow.
	Missed uint64
}
