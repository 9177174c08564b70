package hello

import (
	"crypto/rand"
	"fmt"
	"io"
)

// A Ticket lets who holds it make one connection beside a session. It is used once.
type Ticket [32]byte

// NewTicket returns a ticket that nobody can guess.
func NewTicket() (t Ticket) {
	_, _ = rand.Read(t[:]) // never fails
	return t
}

// Join does the dialer's side of the handshake of a connection beside a session: what follows on it is the caller's. It reads
// not a byte more than the peer's message has. The caller bounds it, by a deadline of the stream.
func Join(rw io.ReadWriter, t Ticket) error {
	if _, err := rw.Write(append(appendPrefix(nil, typeJoin, PrefixSize+len(t)), t[:]...)); err != nil {
		return fmt.Errorf("send JOIN: %w", err)
	}
	_, _, err := read(rw, typeJoined)
	return err
}
