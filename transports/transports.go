// Package transports dials and listens by URL, so that what a program speaks is a string in its configuration. Each
// transport is also a package of its own, with options of its own; importing only that links nothing else.
//
//	inmem://name                  two ends in one process
//	shm:///run/app.sock           processes of one machine, by shared memory; the path is absolute
//	shm://@name                   the same, at an abstract name
package transports

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/inmem"
	"github.com/corechan/corechan/transports/shm"
)

// ErrURL is an address that no transport here understands.
var ErrURL = errors.New("bad address")

// Options are what all transports have in common. The zero value, and nil, is a good choice.
type Options struct {
	// Engine owns the sessions; nil means engine.Default.
	Engine *engine.Engine
	// Ring is the ring that this side sends on: its capacity, 256 KiB if zero, prefaulting, huge pages.
	Ring ring.Options
	// AllowUIDs are the users that a local peer may be, beside one's own.
	AllowUIDs []uint32
	// Authorize decides about a peer instead of AllowUIDs: an error refuses it.
	Authorize func(engine.Peer) error
}

func (o *Options) shm() *shm.Options {
	if o == nil {
		return nil
	}
	return &shm.Options{Engine: o.Engine, Ring: o.Ring, AllowUIDs: o.AllowUIDs, Authorize: o.Authorize}
}

func (o *Options) inmem() *inmem.Options {
	if o == nil {
		return nil
	}
	return &inmem.Options{Engine: o.Engine, Ring: o.Ring}
}

// Dial connects to the listener at a URL. The session is the caller's to close.
func Dial(ctx context.Context, url string, o *Options) (*engine.Session, error) {
	scheme, addr, err := split(url)
	if err != nil {
		return nil, err
	}
	if scheme == inmem.Transport {
		return inmem.Dial(ctx, addr, o.inmem())
	}
	return shm.Dial(ctx, addr, o.shm())
}

// Listen listens at a URL. The listener is the caller's to close.
func Listen(ctx context.Context, url string, o *Options) (*engine.Listener, error) {
	scheme, addr, err := split(url)
	if err != nil {
		return nil, err
	}
	if scheme == inmem.Transport {
		return inmem.Listen(ctx, addr, o.inmem())
	}
	return shm.Listen(ctx, addr, o.shm())
}

// split takes a URL apart and checks it.
func split(url string) (scheme, addr string, err error) {
	scheme, addr, ok := strings.Cut(url, "://")
	switch {
	case !ok || addr == "":
		return "", "", fmt.Errorf("transports: %w: %q: write scheme://address, as in shm:///run/app.sock", ErrURL, url)
	case scheme == inmem.Transport:
		return scheme, addr, nil
	case scheme != shm.Transport:
		return "", "", fmt.Errorf("transports: %w: %q: no transport %q; there are inmem and shm", ErrURL, url, scheme)
	case addr[0] != '/' && addr[0] != '@':
		return "", "", fmt.Errorf("transports: %w: %q: an absolute path has three slashes, shm:///%s; an abstract name begins "+
			"with @, shm://@%s", ErrURL, url, addr, addr)
	}
	return scheme, addr, nil
}
