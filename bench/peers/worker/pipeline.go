package worker

// pipeline makes n round trips, of which many are under way, on a connection whose answers come in order: it sends half of
// them whenever as many have been answered. That lets those batch who can. Sending has a goroutine of its own, as it may have to
// wait for the other side, which waits for its answers to be received.
func (l *line) pipeline(n, inflight int, samples []int64) error {
	half := max(inflight/2, 1)
	begun := make(chan int64, inflight/half+1) // when each batch was sent
	room := make(chan struct{}, inflight/half)
	for range cap(room) {
		room <- struct{}{}
	}
	first, quit := l.number+1, make(chan struct{})
	defer close(quit)
	sent := make(chan error, 1)
	go func() { sent <- l.batches(n, half, room, begun, quit) }()
	for i := 0; i < n; i++ {
		var since int64
		if i%half == 0 {
			select {
			case since = <-begun:
			case err := <-sent:
				if err != nil {
					return err
				}
				sent = nil // all are sent; what is left of begun is buffered
				since = <-begun
			}
			for k := i; k < min(i+half, n); k++ {
				sample(samples, k, -since)
			}
		}
		if err := l.receive(first + uint64(i)); err != nil {
			return err
		}
		if samples != nil {
			samples[i] += l.clock.Now()
		}
		if (i+1)%half == 0 {
			room <- struct{}{}
		}
	}
	if sent == nil {
		return nil
	}
	return <-sent
}

// batches sends n messages, half as many as may be in flight at a time.
func (l *line) batches(n, half int, room chan struct{}, begun chan<- int64, quit <-chan struct{}) error {
	for done := 0; done < n; done += half {
		select {
		case <-room:
		case <-quit:
			return nil
		}
		begun <- l.clock.Now()
		for range min(half, n-done) {
			if err := l.send(true); err != nil {
				return err
			}
		}
		if err := l.channel.Flush(); err != nil {
			return err
		}
	}
	return nil
}
