package pump

import (
	"fmt"
	"runtime"
)

// read is the reader: it moves what comes into the ring, until the stream ends.
func (p *Pump) read() {
	defer p.finished()
	for !p.shut.Load() {
		space := p.in.Space()
		if len(space) == 0 {
			p.awaitSpace()
			continue
		}
		n, err := p.stream.Read(space[:min(len(space), chunk)])
		if n > 0 {
			if err := p.take(n); err != nil {
				p.streamOver(err)
				p.abort()
				return
			}
		}
		if err != nil {
			if p.in.Part() {
				err = fmt.Errorf("cut within a frame: %v", err) //nolint:errorlint // io.EOF here is not the end in order
			}
			p.streamOver(err)
			return
		}
	}
	p.discard()
}

// take gives the session the n bytes that were read.
func (p *Pump) take(n int) error {
	p.received.Add(uint64(n))
	err := p.in.Add(n)
	if err != nil {
		p.note(err) // before the session ends of it, which would make it the end in order
		p.in.Expose()
	}
	p.fence()
	if p.in.MustRing() {
		p.bell.Ring()
		if p.stream.Yield {
			runtime.Gosched()
		}
	}
	return err
}

// awaitSpace waits until the session has released something, or has ended.
func (p *Pump) awaitSpace() {
	p.inWaits.Store(true)
	p.in.Arm()
	if len(p.in.Space()) == 0 && !p.shut.Load() {
		<-p.inWake
	}
	p.in.Disarm()
	p.inWaits.Store(false)
}

// discard reads what comes behind the session's end, so that the peer can write until it sees that.
func (p *Pump) discard() {
	b := make([]byte, 4<<10)
	for {
		if _, err := p.stream.Read(b); err != nil {
			p.streamOver(err)
			return
		}
	}
}
