package rpc

import "sync"

// A begun has the calls with a number that go on while others are received: those whose callers can give them up. The zero value is ready.
type begun struct {
	mu    sync.Mutex
	calls map[uint32]*call
}

// add notes a call.
func (b *begun) add(c *call) {
	if c.ctx.number == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls == nil {
		b.calls = map[uint32]*call{}
	}
	b.calls[c.ctx.number] = c
}

// remove forgets it.
func (b *begun) remove(c *call) {
	if c.ctx.number == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls[c.ctx.number] == c {
		delete(b.calls, c.ctx.number)
	}
}

// giveUp ends the context of a call, if it goes on.
func (b *begun) giveUp(number uint32) {
	b.mu.Lock()
	c := b.calls[number]
	b.mu.Unlock()
	if c != nil {
		c.ctx.giveUp()
	}
}
