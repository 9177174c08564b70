package main

import (
	"errors"
	"net"

	"github.com/corechan/corechan/engine"
)

//go:generate msgp -io=false -tests=false -file messages.go -o messages_gen.go

// A Takeover asks a server for its listening socket. Once the successor serves, it sends a message on Serving, and the server ends.
// If that does not come, the server goes on.
type Takeover struct {
	Socket  engine.Sender[Socket]
	Serving engine.Receiver[Serving]
}

// Carry implements engine.Carrier.
func (t *Takeover) Carry(c *engine.Cargo) error {
	return errors.Join(t.Socket.Carry(c), t.Serving.Carry(c))
}

// A Socket is a listening socket: the successor gets a descriptor of the same one.
type Socket struct {
	Listener engine.Carried[net.Listener]
}

// Carry implements engine.Carrier.
func (s *Socket) Carry(c *engine.Cargo) error { return s.Listener.Carry(c) }

// Serving says who serves now.
type Serving struct {
	PID int
}
