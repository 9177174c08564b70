package main

import (
	"net"

	"github.com/corechan/corechan/engine"
)

//go:generate go run github.com/corechan/corechan/cmd/corechan gen

// A Takeover asks a server for its listening socket. Once the successor serves, it sends a message on Serving, and the server ends.
// If that does not come, the server goes on.
//
//corechan:message
type Takeover struct {
	Socket  engine.Sender[Socket]
	Serving engine.Receiver[Serving]
}

// A Socket is a listening socket: the successor gets a descriptor of the same one.
//
//corechan:message
type Socket struct {
	Listener net.Listener
}

// Serving says who serves now.
//
//corechan:message
type Serving struct {
	PID int
}
