package pump

// write is the writer: it moves what the session publishes to the stream, until either ends.
func (p *Pump) write() {
	defer p.finished()
	for {
		b := p.next()
		if b == nil {
			break
		}
		if err := p.stream.Write(b); err != nil {
			p.streamOver(err)
			p.abort() // also if the session has ended: nothing more can reach the peer
			return
		}
		p.left(len(b))
	}
	if p.Err() == nil {
		p.stream.CloseWrite()
	}
}

// next waits for something to write, and returns it; nil if there will be nothing more.
func (p *Pump) next() []byte {
	for {
		if p.ended.Load() {
			return nil // nobody is there to read it
		}
		b := p.out.Bytes()
		if len(b) == 0 {
			p.out.Arm()
			over := p.shut.Load() // before the look: what was published before the end is seen by it
			if b = p.out.Bytes(); len(b) == 0 {
				if over {
					return nil
				}
				if !p.ended.Load() {
					<-p.outWake
				}
			}
			p.out.Disarm()
		}
		if len(b) != 0 {
			return b[:min(len(b), chunk)]
		}
	}
}

// left says that the first n bytes of what next returned have left.
func (p *Pump) left(n int) {
	p.out.Done(n)
	p.fence()
	if p.out.MustRing() {
		p.bell.Ring()
	}
}
