package engine

import (
	"errors"
	"fmt"
	"time"
)

// Values in messages that nobody receives do not last for ever: their places are bounded (Limits.References), and whoever is at
// their other ends may wait. So after Limits.ReferenceExpiry they are refused, as what is never received is; the message
// itself stays, and its Receive returns errExpired.
//
// port.unread has the cargos that wait in inboxes, with the time since when. A timer looks at them, as long as there are any.

// errExpired is the error of a message whose values were refused before it was received.
var errExpired = fmt.Errorf("engine: %w: what the message carries was refused, as it was not received in time", ErrExpired)

// keepUnread notes that a cargo waits in an inbox. Called with port.mu held.
func (p *port) keepUnread(c *Cargo) {
	s := p.session()
	if s == nil || s.limits.ReferenceExpiry < 0 || !c.carries() {
		return
	}
	if p.unread == nil {
		p.unread = map[*Cargo]time.Time{}
	}
	p.unread[c] = time.Now()
	if !p.sweeping {
		p.sweeping = true
		time.AfterFunc(s.limits.ReferenceExpiry/4+time.Millisecond, p.sweep)
	}
}

// sweep refuses what has expired, and comes again while something may.
func (p *port) sweep() {
	s := p.session()
	old := time.Now().Add(-s.limits.ReferenceExpiry)
	var expired []item
	p.mu.Lock()
	for c, since := range p.unread {
		if since.After(old) {
			continue
		}
		delete(p.unread, c)
		for i := range c.items {
			it := &c.items[i]
			expired = append(expired, *it)
			*it = item{entry: it.entry, err: errExpired}
		}
	}
	p.sweeping = len(p.unread) != 0 && p.err == nil
	if p.sweeping {
		time.AfterFunc(s.limits.ReferenceExpiry/4+time.Millisecond, p.sweep)
	}
	p.mu.Unlock()
	for i := range expired {
		expired[i].uncount()
		expired[i].refuseWith(&ChannelError{Code: CodeRefused, Text: errors.Unwrap(errExpired).Error()})
	}
}
