package engine

import (
	"context"
	"net"
)

// Sides makes raw connections beside a session, for bytes that gain nothing by travelling on it: each is a connection of its own, as
// secret as the session is, with the kernel's own flow control, and lives on when the session ends. The side that was dialled
// expects one, tells the peer the ticket by a message, and the side that dialled joins.
//
// Transports make it; its methods may be called by several goroutines at once.
type Sides interface {
	// Expect returns a ticket for one connection, and the function that waits for that. The caller must call wait, once: it
	// returns the connection, the caller's to close, or ctx's error, and from then on the ticket is of no use. It fails with
	// errors.ErrUnsupported at the side that dialled.
	Expect() (ticket []byte, wait func(ctx context.Context) (net.Conn, error), err error)
	// Join makes the connection that the peer expects; it is the caller's to close. It fails with errors.ErrUnsupported at the
	// side that was dialled, and with the transport's errors of dialling: another listener may be where this one was dialled.
	Join(ctx context.Context, ticket []byte) (net.Conn, error)
}

// Sides makes connections beside the session; nil where the transport has none.
func (s *Session) Sides() Sides { return s.link.Sides }
