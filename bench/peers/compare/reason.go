package compare

import (
	"strings"

	"github.com/corechan/corechan/bench/peers/peer"
)

// cannot says whether an error is a worker's ErrCannot, of which only the text arrives.
func cannot(err error) bool { return strings.Contains(err.Error(), peer.ErrCannot.Error()+": ") }

// reason is why an entry was not measured, for a reader.
func reason(err error) string {
	_, why, ok := strings.Cut(err.Error(), peer.ErrCannot.Error()+": ")
	if !ok {
		return err.Error()
	}
	return why
}
