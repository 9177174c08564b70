package rivals

import "github.com/corechan/corechan/bench/peers/peer"

// libchan, whose model corechan has.

func libchans() []peer.Entry {
	return []peer.Entry{{
		Name: "libchan", Network: "unix", Module: "github.com/docker/libchan",
		Missing: "its last release, v0.1.0, imports github.com/dmcgowan/go/codec, which the module proxy does not have; " +
			"later commits have no release",
	}}
}
