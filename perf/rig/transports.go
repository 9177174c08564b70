package rig

import (
	"fmt"
	"slices"
	"strings"
)

// Transport is what carries the messages.
type Transport string

// The transports. The bare ones run the first limit of the transport as the system under test: the ratio must be 1, give or
// take noise.
const (
	Shm   Transport = "shm"
	Inmem Transport = "inmem"
	Unix  Transport = "unix"
	TCP   Transport = "tcp"
	TLS   Transport = "tls"
	H2    Transport = "h2"
	WS    Transport = "ws"

	Bare      Transport = "bare" // shared memory
	BareInmem Transport = "bare-inmem"
	BareUnix  Transport = "bare-unix"
	BareTCP   Transport = "bare-tcp"
	BareTLS   Transport = "bare-tls"
	BareH2    Transport = "bare-h2"
	BareWS    Transport = "bare-ws"
)

// Transports are those of corechan that can be measured.
func Transports() []Transport {
	return slices.DeleteFunc([]Transport{Shm, Inmem, Unix, TCP, TLS, H2, WS}, func(t Transport) bool { return CarrierOf(t) == nil })
}

// Known says whether there is such a transport.
func (t Transport) Known() bool {
	return oneOf(t, Bare, BareInmem, BareUnix, BareTCP, BareTLS, BareH2, BareWS) || CarrierOf(t) != nil
}

// Bare says whether this is a limit and not a transport of corechan.
func (t Transport) Bare() bool { return strings.HasPrefix(string(t), string(Bare)) }

// InProcess says whether both sides are in one process.
func (t Transport) InProcess() bool { return t == Inmem || t == BareInmem }

// Network is what carries the bytes of a transport that goes over a socket.
func (t Transport) Network() string {
	switch t {
	case Unix, BareUnix:
		return "unix"
	case TCP, BareTCP, TLS, BareTLS, H2, BareH2, WS, BareWS:
		return "tcp"
	}
	return ""
}

// DefaultRing is the capacity of each ring, in bytes, if none is given: what the transport has by default.
func (t Transport) DefaultRing() int {
	if t.Network() != "" {
		return 1 << 20
	}
	return 256 << 10
}

// Secure says whether there is TLS in it.
func (t Transport) Secure() bool { return oneOf(t, TLS, BareTLS, H2, BareH2) }

// Roams says whether the transport waits in Go's own poller.
func (t Transport) Roams() bool { return oneOf(t, H2, WS) }

// Passes says whether descriptors travel as such.
func (t Transport) Passes() bool { return oneOf(t, Shm, Unix) }

// Lanes says whether a channel can have a ring of its own.
func (t Transport) Lanes() bool { return oneOf(t, Shm, Inmem) || t.Bare() }

// Listed writes transports for a message.
func Listed(all []Transport) string {
	words := make([]string, len(all))
	for i, t := range all {
		words[i] = string(t)
	}
	if len(words) == 1 {
		return words[0]
	}
	return fmt.Sprintf("%s or %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
}

func oneOf[T comparable](v T, all ...T) bool { return slices.Contains(all, v) }
