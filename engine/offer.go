package engine

import (
	"sync"

	"github.com/corechan/corechan/internal/statsock"
)

// An offer is what other processes read an engine's Snapshot from: see Config.Hidden. It is there while there is a session that it is
// for; what goes wrong with it is logged, and harms no session.
type offer struct {
	mu     sync.Mutex // before Engine.mu
	server *statsock.Server
}

// update begins or ends it as the engine's sessions are now. Called without locks.
func (o *offer) update(e *Engine) {
	if e.cfg.Hidden {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	e.mu.Lock()
	want := e.shown > 0
	e.mu.Unlock()
	switch {
	case want && o.server == nil:
		server, err := statsock.ListenWishing(
			func() ([]byte, error) { return e.Snapshot().AppendBinary(nil) }, func() { e.stampAtLeast(StampLease) })
		if err != nil {
			e.log.Debug("the engine's statistics cannot be read by other processes", "reason", err)
			return
		}
		o.server = server
	case !want && o.server != nil:
		_ = o.server.Close()
		o.server = nil
	}
}
