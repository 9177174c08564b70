package transports

import (
	"log/slog"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/auto"
	"github.com/corechan/corechan/transports/inmem"
	"github.com/corechan/corechan/transports/shm"
	"github.com/corechan/corechan/transports/tcp"
	"github.com/corechan/corechan/transports/tls"
	"github.com/corechan/corechan/transports/unix"
)

// What each transport's own options are.

func (o *Options) inmem() *inmem.Options {
	if o == nil {
		return nil
	}
	return &inmem.Options{Engine: o.Engine, Ring: o.Ring}
}

func (o *Options) shm() *shm.Options {
	if o == nil {
		return nil
	}
	return &shm.Options{
		Engine: o.Engine, Ring: o.Ring, AllowUIDs: o.AllowUIDs, Authorize: o.Authorize, HandshakeTimeout: o.HandshakeTimeout,
	}
}

func (o *Options) unix() *unix.Options {
	if o == nil {
		return nil
	}
	return &unix.Options{
		Engine: o.Engine, Ring: o.Ring, AllowUIDs: o.AllowUIDs, Authorize: o.Authorize, HandshakeTimeout: o.HandshakeTimeout,
	}
}

func (o *Options) auto() *auto.Options {
	if o == nil {
		return nil
	}
	return &auto.Options{Shm: *o.shm(), Unix: *o.unix()}
}

func (o *Options) tcp() *tcp.Options {
	if o == nil {
		return nil
	}
	return &tcp.Options{Engine: o.Engine, Ring: o.Ring, Authorize: o.Authorize, HandshakeTimeout: o.HandshakeTimeout}
}

func (o *Options) tls() *tls.Options {
	if o == nil {
		return nil
	}
	return &tls.Options{
		Engine: o.Engine, Ring: o.Ring, Authorize: o.Authorize, HandshakeTimeout: o.HandshakeTimeout,
		Config: o.TLS, Files: o.TLSFiles,
	}
}

func (o *Options) logger() *slog.Logger {
	if o != nil && o.Engine != nil {
		return o.Engine.Logger()
	}
	return engine.Default().Logger()
}
