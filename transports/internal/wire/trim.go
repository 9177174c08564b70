package wire

// used has the rings trimmed once they are not used any more.
func (b *bell) used() {
	if !b.trimming.Load() {
		b.trimming.Store(true)
		b.eng.TrimLater(b)
	}
}

// Trim implements engine.Trimmer: a ring that was used, and not since the last call, gives its memory back. A session that is idle
// keeps none of it. It runs on the service loop, as free does.
func (b *bell) Trim() (again bool) {
	b.trimming.Store(false) // before: what is used from now on is looked at again
	in, out := b.trimIn(), b.trimOut()
	if in || out {
		b.trimming.Store(true)
	}
	return in || out
}

// trimIn trims the ring of what was received, unless somebody reads into it, or has not received all of it.
func (b *bell) trimIn() (again bool) {
	b.mu.Lock() // until then the ring is there
	defer b.mu.Unlock()
	in := &b.in
	switch {
	case b.closed:
		return false
	case !in.mu.TryLock():
		return true
	}
	defer in.mu.Unlock()
	switch {
	case in.total == in.trimmed:
		return false
	case in.total != in.seen || !in.inlet.Empty():
		in.seen = in.total
		return true
	}
	in.seg.Trim()
	in.trimmed = in.total
	return false
}

// trimOut trims the ring of what is sent, unless somebody sends, or not all of it has left.
func (b *bell) trimOut() (again bool) {
	o, s := &b.out, b.session.Load()
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed || s == nil {
		return !closed
	}
	switch published := o.outlet.Published(); { // the ring is there until free
	case published == o.trimmed:
		return false
	case published != o.quiet || !o.outlet.Empty():
		o.quiet = published
		return true
	}
	trimmed := false
	s.IfNotSending(func() {
		if published := o.outlet.Published(); published == o.quiet && o.outlet.Empty() {
			o.seg.Trim()
			o.trimmed, trimmed = published, true
		}
	})
	return !trimmed
}
