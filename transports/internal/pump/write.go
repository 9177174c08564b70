package pump

// small bounds what is written by the goroutine that has published it, in bytes.
const small = 16 << 10

// write is the writer: it moves what the session publishes to the stream, until either ends.
func (p *Pump) write() {
	defer p.finished()
	p.writing.Lock()
	err := p.writeErr
	for err == nil {
		b := p.next()
		if b == nil {
			err = p.writeErr
			break
		}
		if err = p.stream.Write(b); err == nil {
			p.left(len(b))
		}
	}
	p.written = true
	p.writing.Unlock()
	if err != nil {
		p.streamOver(err)
		p.abort() // also if the session has ended: nothing more can reach the peer
	} else if p.Err() == nil {
		p.stream.CloseWrite()
	}
}

// next waits for something to write, and returns it; nil if there will be nothing more. Called with writing held, which it
// lets go while it waits.
func (p *Pump) next() []byte {
	for {
		if p.ended.Load() || p.writeErr != nil {
			return nil // nobody is there to read it
		}
		p.out.Disarm()
		if b := p.out.Bytes(); len(b) != 0 {
			return b[:min(len(b), chunk)]
		}
		p.out.Arm()
		over := p.shut.Load() // before the look: what was published before the end is seen by it
		if len(p.out.Bytes()) != 0 {
			continue
		}
		if over {
			return nil
		}
		p.writing.Unlock()
		<-p.outWake
		p.writing.Lock()
	}
}

// writeHere writes what was published on the goroutine that has published it, which saves waking the writer, if it is
// little, the writer waits, and there is room for it. It reports whether nothing is left to do.
func (p *Pump) writeHere() bool {
	if !p.roomy.Load() || !p.writing.TryLock() {
		return false
	}
	defer p.writing.Unlock()
	if p.written || p.writeErr != nil || p.ended.Load() {
		return false
	}
	p.out.Disarm()
	if b := p.out.Bytes(); len(b) != 0 {
		if len(b) > small || !p.stream.Room() {
			return false
		}
		if p.writeErr = p.stream.Write(b); p.writeErr != nil {
			return false // the writer sees to it
		}
		p.left(len(b))
	}
	p.out.Arm()
	return len(p.out.Bytes()) == 0
}

// left says that the first n bytes of what next returned have left.
func (p *Pump) left(n int) {
	p.out.Done(n)
	p.fence()
	if p.out.MustRing() {
		p.bell.Ring()
	}
}
