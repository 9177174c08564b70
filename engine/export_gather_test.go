package engine

// AtEnd counts what is to be called at the end of a channel.
func AtEnd[T any](s Sender[T]) int {
	if list := s.end.atEnd.Load(); list != nil {
		return len(*list)
	}
	return 0
}

// Watchers counts who is told when a channel has something.
func Watchers[T any](r Receiver[T]) int {
	if g := r.end.gathered.Load(); g != nil && g.watchers.Load() != nil {
		return len(*g.watchers.Load())
	}
	return 0
}

// MergedPorts counts the ports that a Merge polls.
func (m *Merge[T]) MergedPorts() int {
	m.set.mu.Lock()
	defer m.set.mu.Unlock()
	return len(m.set.ports)
}

// Queued counts the messages in a channel's inbox.
func Queued[T any](r Receiver[T]) int { return int(r.end.queued.Load()) }

// Ready counts the channels of a Merge that are known to have something.
func (m *Merge[T]) Ready() int {
	m.set.mu.Lock()
	defer m.set.mu.Unlock()
	return len(m.set.ready) - m.set.first
}
