package perf

import (
	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/rig"
)

// Transport is what carries the messages.
type Transport = rig.Transport

// The transports. The bare ones run the first limit of the transport as the system under test: the ratio must be 1, give or
// take noise.
const (
	Shm   = rig.Shm
	Inmem = rig.Inmem
	Unix  = rig.Unix
	TCP   = rig.TCP
	TLS   = rig.TLS
	H2    = rig.H2
	WS    = rig.WS

	Bare      = rig.Bare // shared memory
	BareInmem = rig.BareInmem
	BareUnix  = rig.BareUnix
	BareTCP   = rig.BareTCP
	BareTLS   = rig.BareTLS
	BareH2    = rig.BareH2
	BareWS    = rig.BareWS
)

// Transports are those of corechan that can be measured.
func Transports() []Transport { return rig.Transports() }

// place is where this side of a contestant meets the other one.
func (e *env) place(side measure.Side) (p rig.Place, err error) {
	p = rig.Place{Address: e.address, Ring: ringOptions(e)}
	if e.config.Transport.Secure() {
		p.TLS, err = e.tls(side)
	}
	return p, err
}
