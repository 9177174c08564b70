package wire

import "time"

// A Gatherer is a stream that writes several pieces of memory at once, so that a large message need not be copied into the ring.
type Gatherer interface {
	// Gather takes what it can of the parts, one behind the other, and reports how much that is; ErrAgain if it is nothing. With
	// wait it may block the thread until it has taken all, for as long as the socket's send timeout at a time.
	Gather(parts *[3][]byte, wait bool) (int, error)
}

const (
	// portion is how much is written at a time: little enough to stop in between, and enough for the system call not to count.
	portion = 256 << 10
	// stall is how long a thread waits for a socket that takes nothing, and within how long the whole message has to leave. What is
	// left then goes the way of all others: the sender may be the only one who would read what the peer is waiting to write.
	stall       = 4 * time.Millisecond
	gatherLimit = 20 * time.Millisecond
)

// gather publishes the record that was committed last: see engine.Link. Its bytes leave from where they are if nothing else waits to
// be written; the ring has their place, but only what the socket did not take is copied there:
//
//	ring:      │ header, head │ (tail's place) │ padding │
//	             └───────┐             ┌─────────┘
//	socket:            write: part 0, tail, part 2
func (b *bell) gather(record []byte, at int, tail []byte) {
	o := &b.out
	sent := 0
	mine := b.beginGather()
	if mine {
		sent = b.writeParts(record, at, tail)
	}
	if done := max(sent-at, 0); done < len(tail) {
		copy(record[at+done:], tail[done:])
	}
	b.producer.Publish()
	if !mine {
		return // who gives the tx token back rings
	}
	if sent != 0 {
		o.outlet.Bytes()
		o.outlet.Done(sent)
	}
	o.pumping.Store(false)
	b.pump() // the rest; and what others have asked for meanwhile
}

// beginGather takes o.pumping if the next byte that leaves may be that of the record that is not published yet.
func (b *bell) beginGather() bool {
	o := &b.out
	if b.gatherer == nil || o.blocked.Load() || o.dead.Load() || b.down.Load() {
		return false
	}
	if !o.outlet.Empty() {
		b.pump()
	}
	if !o.pumping.CompareAndSwap(false, true) {
		return false
	}
	if o.outlet.Empty() && o.taken == 0 && !o.blocked.Load() && !o.dead.Load() {
		return true
	}
	o.pumping.Store(false)
	if o.again.Load() {
		b.pump()
	}
	return false
}

// writeParts writes the record with tail in its place, and returns how much the socket has taken. An error is for pump to meet again.
func (b *bell) writeParts(record []byte, at int, tail []byte) (sent int) {
	wait := !b.out.corked.Load() && b.sleeper.TakeThread() // not on a loop
	if wait {
		defer b.sleeper.GiveThread()
	}
	b.used()
	parts := &b.out.parts
	defer clear(parts[:])
	for began := time.Now(); sent < len(record); {
		parts[0], parts[1], parts[2] = cut(record[:at], sent), cut(tail, sent-at), cut(record[at+len(tail):], sent-at-len(tail))
		if len(parts[1]) > portion {
			parts[1], parts[2] = parts[1][:portion], nil
		}
		n, err := b.gatherer.Gather(parts, wait)
		sent += n
		if err != nil || b.down.Load() || time.Since(began) > gatherLimit {
			break
		}
	}
	return sent
}

// cut returns what is left of p when n bytes of it, and of what is before it, are gone.
func cut(p []byte, n int) []byte { return p[min(max(n, 0), len(p)):] }
