package engine

// What the tests of package engine_test look at.

// Ends counts the ends of channels that are open.
func (s *Session) Ends() int {
	p := s.port
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.recvs) + len(p.sends) + len(s.offers)
}

// LaneCount counts the lanes that are not freed.
func (s *Session) LaneCount() int {
	s.port.mu.Lock()
	defer s.port.mu.Unlock()
	return len(s.lanes)
}

// Due counts what is to be sent once there is space.
func (s *Session) Due() int {
	s.port.mu.Lock()
	defer s.port.mu.Unlock()
	return len(s.port.due)
}

// Buffered returns how many bytes of messages wait in inboxes, and of one channel at most.
func (s *Session) Buffered() (all, most int) {
	s.port.mu.Lock()
	defer s.port.mu.Unlock()
	for _, r := range s.port.recvs {
		n := 0
		for _, b := range r.inbox[r.first:] {
			n += len(b.buf.B)
		}
		all, most = all+n, max(most, n)
	}
	return all, most
}

// SessionCount counts the sessions that the engine has not forgotten.
func (e *Engine) SessionCount() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.sessions)
}

// Tallied counts the ports that the engine's counters are added up of.
func (e *Engine) Tallied() int {
	e.tally.mu.Lock()
	defer e.tally.mu.Unlock()
	return len(e.tally.ports)
}
