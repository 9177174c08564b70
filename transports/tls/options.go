package tls

import (
	"crypto/tls"
	"net"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/internal/accept"
	"github.com/corechan/corechan/transports/internal/hello"
)

// Options are how sessions are made. A listener needs a certificate: Files, or one in Config. A dialer needs none: nil Options
// trust the system's roots.
type Options struct {
	// Engine owns the sessions; nil means engine.Default.
	Engine *engine.Engine
	// Ring says how many bytes wait in this process, in each direction: its capacity, 1 MiB if zero, bounds the
	// largest message.
	Ring ring.Options
	// Config is what crypto/tls is told: certificates, roots, ClientAuth for mutual TLS, ServerName if it is not the dialled
	// host. Version 1.3 and the protocol's name are set in a copy of it.
	Config *tls.Config
	// Files are read instead of what Config has of their kind, and again whenever they have changed: for handshakes from then
	// on, while sessions go on.
	Files Files
	// Authorize decides about a peer whose handshake succeeded: an error refuses it, and its text is told to it. See
	// Certificate for the peer's name.
	Authorize func(engine.Peer) error
	// HandshakeTimeout bounds both handshakes together. 0 means 10 s.
	HandshakeTimeout time.Duration
	// KeepAlive and UserTimeout are as in package tcp.
	KeepAlive   net.KeepAliveConfig
	UserTimeout time.Duration
}

// Files are PEM files.
type Files struct {
	// Cert and Key are this side's certificate, with intermediates behind it, and its key.
	Cert, Key string
	// CA has the roots that the peer's certificate must come from: to a listener it means mutual TLS, which requires one.
	CA string
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
		r.HandshakeTimeout = 10 * time.Second
	}
	if r.KeepAlive == (net.KeepAliveConfig{}) {
		r.KeepAlive = accept.KeepAlive()
	}
	r.Ring = hello.Ring(r.Ring)
	return r
}

// config returns the configuration that Config and Files make.
func (o *Options) config() *tls.Config {
	c := &tls.Config{}
	if o.Config != nil {
		c = o.Config.Clone()
	}
	c.MinVersion = tls.VersionTLS13
	c.NextProtos = []string{Protocol}
	c.DynamicRecordSizingDisabled = true // frames are written as they are complete
	return c
}
