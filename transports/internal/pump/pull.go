package pump

import (
	"io"
	"net/http"
)

// A pull is the writer where the library fetches what it sends: its calls of Read, then one of Close.
type pull struct {
	over bool // under Pump.writing
}

// Read implements io.Reader for the library: it waits for what the session publishes. After the session's end and all that
// was sent before, it returns io.EOF.
func (p *Pump) Read(b []byte) (int, error) {
	w := &p.pull
	p.writing.Lock()
	defer p.writing.Unlock()
	if w.over {
		return 0, http.ErrBodyReadAfterClose
	}
	next := p.next()
	if next == nil {
		p.pullOver()
		return 0, io.EOF
	}
	n := copy(b, next)
	p.left(n)
	return n, nil
}

// Close implements io.Closer for the library, which takes nothing more: Read returns. It may be called at any time.
func (p *Pump) Close() error {
	p.ended.Store(true)
	wake(p.outWake)
	p.writing.Lock()
	defer p.writing.Unlock()
	p.pullOver()
	return nil
}

// pullOver ends the writer. Called with writing held.
func (p *Pump) pullOver() {
	if !p.pull.over {
		p.pull.over = true
		p.finished()
	}
}
