// Package echo has the message and the service that are compared, for each system that generates code: of Go source for corechan,
// of echo.proto for the others.
package echo

import "context"

//go:generate go tool corechan gen
//go:generate ./generate.sh

// A Packet carries bytes.
//
//corechan:message
type Packet struct{ Body []byte }

// An Echo answers with what it was sent.
//
//corechan:service
type Echo interface {
	Call(ctx context.Context, p *Packet) (*Packet, error)
}
