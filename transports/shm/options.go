package shm

import (
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/accept"
)

// Options are how sessions are made. The zero value, and nil, is a good choice.
type Options struct {
	// Engine owns the sessions; nil means engine.Default.
	Engine *engine.Engine
	// Ring is the ring that this side sends on: its capacity, 256 KiB if zero, prefaulting, huge pages.
	Ring ring.Options
	// MaxRing bounds the capacity of a peer's ring, in bytes, which this process maps and the peer pays for. 0 means
	// 1 GiB.
	MaxRing int
	// AllowUIDs are the users that a peer may be, beside one's own.
	AllowUIDs []uint32
	// Authorize decides about a peer instead of AllowUIDs: an error refuses it, and its text is told to it.
	Authorize func(engine.Peer) error
	// HandshakeTimeout bounds the handshake. 0 means 5 s.
	HandshakeTimeout time.Duration
}

func (o *Options) withDefaults() Options {
	var r Options
	if o != nil {
		r = *o
	}
	if r.Engine == nil {
		r.Engine = engine.Default()
	}
	if r.HandshakeTimeout == 0 {
		r.HandshakeTimeout = 5 * time.Second
	}
	return r
}

// ErrForbidden refuses a peer of a user who is not allowed.
var ErrForbidden = accept.ErrForbidden

// authorize decides about a peer.
func (o *Options) authorize(p engine.Peer) error { return accept.User(p, o.AllowUIDs, o.Authorize) }
