package main

import "github.com/corechan/corechan/engine"

//go:generate msgp -io=false -tests=false -file messages.go -o messages_gen.go

// A Subscription asks for all events from now on.
type Subscription struct {
	Name string
	// Queue is how many events are kept for a subscriber that does not keep up, beside what its channel holds. Beyond
	// that, the oldest is dropped.
	Queue  uint16
	Events engine.Sender[Event]
}

// Carry implements engine.Carrier.
func (s *Subscription) Carry(c *engine.Cargo) error { return s.Events.Carry(c) }

// An Event is one line of the producer's.
type Event struct {
	Seq  uint64 // counts from 1
	Text string
	// Missed is how many events before this one were dropped because the subscriber was too slow.
	Missed uint64
}
