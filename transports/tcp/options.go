package tcp

import (
	"net"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/accept"
	"github.com/corechan/corechan/transports/internal/hello"
)

// Options are how sessions are made. The zero value, and nil, is a good choice.
type Options struct {
	// Engine owns the sessions; nil means engine.Default.
	Engine *engine.Engine
	// Ring says how many bytes wait in this process, in each direction: its capacity, 1 MiB if zero, bounds the
	// largest message.
	Ring ring.Options
	// Authorize decides about a peer: an error refuses it, and its text is told to it. nil lets everybody in: there is no
	// proof of who a peer is over plain TCP.
	Authorize func(engine.Peer) error
	// HandshakeTimeout bounds the handshake. 0 means 5 s.
	HandshakeTimeout time.Duration
	// KeepAlive says when the kernel asks a silent peer whether it is there. The zero value means after 30 s to a minute, each
	// 15 s, five times; Enable false with another field set turns it off.
	KeepAlive net.KeepAliveConfig
	// UserTimeout bounds how long what was sent may stay unacknowledged before the peer counts as gone: also one that is there and
	// has not read for so long that it has no room, and one that does not answer so many questions of KeepAlive. 0 leaves it to
	// the kernel, which takes about 15 minutes, and as long as it likes for a peer that does not read. See TCP_USER_TIMEOUT in
	// tcp(7).
	UserTimeout time.Duration
	// BusyPoll has receives poll the network device for that long before they sleep, where it can; beyond
	// net.core.busy_read that needs CAP_NET_ADMIN. 0: not.
	BusyPoll time.Duration
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
	if r.KeepAlive == (net.KeepAliveConfig{}) {
		r.KeepAlive = accept.KeepAlive()
	}
	r.Ring = hello.Ring(r.Ring)
	return r
}
