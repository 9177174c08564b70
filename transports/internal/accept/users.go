package accept

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/corechan/corechan/engine"
)

// ErrForbidden refuses a peer of a user who is not allowed.
var ErrForbidden = errors.New("peer's user is not allowed")

// User decides about a peer of this machine: decide does if it is set; else it must be of one's own user or of one of allowed.
func User(p engine.Peer, allowed []uint32, decide func(engine.Peer) error) error {
	if decide != nil {
		return decide(p)
	}
	if own := uint32(os.Geteuid()); p.Cred.UID == own || slices.Contains(allowed, p.Cred.UID) {
		return nil
	}
	return fmt.Errorf("%w: uid %d, pid %d; add it to AllowUIDs", ErrForbidden, p.Cred.UID, p.Cred.PID)
}
