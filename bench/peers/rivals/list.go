package rivals

import (
	"slices"

	"github.com/corechan/corechan/bench/peers/peer"
)

// All returns what is compared, in the order in which it is reported.
func All() []peer.Entry {
	return slices.Concat(ours(), netConns(), grpcs(), ttrpcs(), drpcs(), connects(), netRPCs(), shmipcs(), netpolls(), gnets(), mangoses(),
		natses(), cPrograms(), libchans())
}

// Find returns the entry of an id, or nil.
func Find(id string) *peer.Entry {
	for _, all := range [][]peer.Entry{All(), Limits()} {
		if i := slices.IndexFunc(all, func(e peer.Entry) bool { return e.ID() == id }); i >= 0 {
			return &all[i]
		}
	}
	return nil
}
