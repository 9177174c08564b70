package engine

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// unpack parses the table of a DATA frame and makes the ends that came with it, so that what the peer sends on them is kept
// from now on. carrying is the codec of the channel. Called with the rx token held. The caller sees to it that the cargo is
// opened, or dropped.
func (p *port) unpack(h header, payload []byte, carrying string) (c *Cargo, message []byte, err error) {
	n := int(h.arg)
	if h.arg > maxEntries || n*entrySize > len(payload) || h.flags&^(flagLast|flagHeader) != 0 || n == 0 && h.attachments != 0 {
		return nil, nil, violation("DATA for channel %d has flags %#x, %d attachments, a table of %d in %d bytes", h.channel,
			h.flags, h.attachments, h.arg, len(payload))
	}
	if n == 0 && h.flags&flagHeader == 0 {
		return nil, payload, nil
	}
	c = cargos.Get().(*Cargo)
	*c = Cargo{in: true, carrying: carrying, items: slices.Grow(c.items, n)[:n], made: c.made}
	beside := 0
	for i := range c.items {
		e, err := readEntry(payload[i*entrySize:])
		if err != nil {
			return nil, nil, violation("DATA for channel %d: %v", h.channel, err)
		}
		if e.kind == kindDescriptor || e.kind == kindLocal {
			beside++
		}
		c.items[i].entry = e
	}
	if err := c.checkRefs(); err != nil {
		return nil, nil, violation("DATA for channel %d: %v", h.channel, err)
	}
	if beside != int(h.attachments) {
		return nil, nil, violation("DATA for channel %d has %d attachments, its table %d", h.channel, h.attachments, beside)
	}
	var given []Attachment
	if beside != 0 {
		given, err = p.bell.Take(beside)
		if err != nil && !exhausted(err) {
			return nil, nil, err
		}
		if err != nil { // this process's lack, not the peer's: the message comes without them
			for i := range c.items {
				c.items[i].err = err
			}
		}
	}
	if err := c.arrive(p, given); err != nil {
		c.drop()
		closeAll(given)
		return nil, nil, err
	}
	message = payload[n*entrySize:]
	if h.flags&flagHeader != 0 {
		if c.header, message, err = readHeaders(message); err != nil {
			c.drop()
			return nil, nil, violation("DATA for channel %d: %v", h.channel, err)
		}
	}
	return c, message, nil
}

// checkRefs refuses refs that are there twice.
func (c *Cargo) checkRefs() error {
	if len(c.items) <= 8 {
		for i := range c.items {
			for j := range i {
				if c.items[i].ref == c.items[j].ref {
					return fmt.Errorf("reference %d is in the table twice", c.items[i].ref)
				}
			}
		}
		return nil
	}
	seen := make(map[uint32]struct{}, len(c.items))
	for i := range c.items {
		if _, twice := seen[c.items[i].ref]; twice {
			return fmt.Errorf("reference %d is in the table twice", c.items[i].ref)
		}
		seen[c.items[i].ref] = struct{}{}
	}
	return nil
}

// arrive makes the ends of a table that came. given are what travelled beside the frame; what it took of them is nil after.
func (c *Cargo) arrive(p *port, given []Attachment) error {
	s, session := p.owner.(*Session)
	next := 0
	for i := range c.items {
		it := &c.items[i]
		if pipe := it.kind == kindLocal; pipe == session {
			return violation("a %v where there is none", it.kind)
		}
		if it.kind == kindDescriptor || it.kind == kindLocal {
			if len(given) == 0 {
				continue // exhausted
			}
			it.file, given[next] = given[next], nil
			next++
			if session {
				it.counted = s
				if s.references.Add(1) > int64(s.limits.References) {
					it.err = &LimitError{What: "values in messages that nobody has received", Limit: uint64(s.limits.References)}
					_ = it.file.Close()
					it.file = nil
				}
			}
			if l, ok := it.file.(*localValue); ok {
				e := it.entry
				*it = l.it
				it.ref = e.ref
			} else if it.kind == kindLocal {
				return violation("an attachment that is no local value")
			}
			continue
		}
		if err := s.arrived(p, it, c.carrying); err != nil {
			return err
		}
	}
	if session {
		return s.checkDue()
	}
	return nil
}

// arrived makes the end, or ends, of one entry that came.
func (s *Session) arrived(p *port, it *item, carrying string) error {
	codec, known := codecName(it.codec, carrying)
	if !known && it.err == nil {
		it.err = fmt.Errorf("engine: %w: the peer uses codec number %d", ErrCodec, it.codec)
	}
	if it.kind == kindHome {
		err := s.cameHome(p, it)
		if err == nil && it.err != nil {
			it.refuseWith(&ChannelError{Code: CodeLimit, Text: it.err.Error()})
		}
		return err
	}
	if err := s.checkPeerID(it.channel); err != nil {
		return err
	}
	p.mu.Lock()
	switch it.kind {
	case kindSender:
		it.s = newSendEnd(nil, 0, "", 0)
		it.s.codec, it.s.once = codec, it.flags&entryOnce != 0
		it.s.place(p, it.channel, s)
		if it.second != 0 {
			it.s.by = time.Now().Add(time.Duration(it.second) * time.Microsecond).UnixNano()
		}
	case kindReceiver, kindDuplex:
		it.r = newRecvEnd(nil, 0, "", codec, 0, 0)
		it.r.place(p, it.channel, s.limits.Window, s.limits.MaxMessage)
	}
	p.mu.Unlock()
	if it.kind == kindDuplex {
		if err := s.checkPeerID(it.second); err != nil {
			return err
		}
		p.mu.Lock()
		it.s = newSendEnd(nil, 0, "", 0)
		it.s.codec = codec
		it.s.place(p, it.second, s)
		p.mu.Unlock()
	}
	p.mu.Lock()
	over := max(len(p.recvs), len(p.sends)) > s.limits.Channels
	unclaimed := s.references.Add(1) > int64(s.limits.References)
	p.mu.Unlock()
	it.counted = s
	code := CodeLimit
	switch {
	case it.err != nil && exhausted(it.err): // this process's lack, beside it
	case it.err != nil:
		code = CodeCodec
	case s.draining.Load():
		it.err, code = ErrDraining, CodeDrained
	case over:
		it.err = &LimitError{What: "open channels", Limit: uint64(s.limits.Channels), Hint: "raise Limits.Channels"}
	case unclaimed:
		it.err = &LimitError{What: "values in messages that nobody has received", Limit: uint64(s.limits.References)}
	}
	if it.err != nil {
		it.refuseWith(&ChannelError{Code: code, Text: it.err.Error()})
		return nil
	}
	if it.kind == kindReceiver && it.second != 0 {
		return s.receiverCameHome(p, it.r, it.second)
	}
	return nil
}

// find returns the item with a ref, once.
func (c *Cargo) find(ref uint32) (*item, error) {
	if c != nil {
		for i := range c.items {
			it := &c.items[i]
			if it.ref != ref {
				continue
			}
			if it.taken {
				return nil, fmt.Errorf("%w: reference %d is in the message twice", ErrMalformed, ref)
			}
			if it.err != nil {
				return nil, it.err
			}
			it.taken = true
			return it, nil
		}
	}
	return nil, fmt.Errorf("%w: reference %d is not in the message's table", ErrMalformed, ref)
}

// wrong is the error of an item that is not what a field takes.
func (it *item) wrong(want string) error {
	it.taken = false
	return fmt.Errorf("%w: reference %d is a %v, and the field a %s", ErrMalformed, it.ref, it.kind, want)
}

// takeSender returns the sending end that a ref stands for.
func (c *Cargo) takeSender(ref uint32, use func(*sendEnd) error, own func() (*encoding, error)) (*sendEnd, error) {
	it, err := c.find(ref)
	if err != nil {
		return nil, err
	}
	s := it.s
	if s == nil || it.r != nil || it.value != nil {
		return nil, it.wrong("Sender")
	}
	if s.enc != nil && s.pair != nil { // it never left the process
		if enc, err := own(); err != nil || s.enc != enc {
			return nil, it.wrong("Sender of another type")
		}
		return s, nil
	}
	if err := use(s); err != nil {
		return nil, err
	}
	return s, nil
}

// takeReceiver returns the receiving end that a ref stands for.
func (c *Cargo) takeReceiver(ref uint32, use func(*recvEnd) error, own func() (*encoding, error)) (*recvEnd, error) {
	it, err := c.find(ref)
	if err != nil {
		return nil, err
	}
	r := it.r
	if r == nil || it.s != nil || it.value != nil {
		return nil, it.wrong("Receiver")
	}
	if r.enc != nil && r.pair != nil {
		if enc, err := own(); err != nil || r.enc != enc {
			return nil, it.wrong("Receiver of another type")
		}
		return r, nil
	}
	if err := use(r); err != nil {
		return nil, err
	}
	return r, nil
}

// opened is called when the message was decoded: what no field took is refused.
func (c *Cargo) opened() {
	if c == nil {
		return
	}
	for i := range c.items {
		it := &c.items[i]
		it.uncount()
		if !it.taken {
			it.refuse()
		}
	}
}

// drop refuses everything.
func (c *Cargo) drop() {
	if c == nil {
		return
	}
	for i := range c.items {
		c.items[i].uncount()
		c.items[i].refuse()
	}
	for _, made := range c.made {
		_ = made.Close()
	}
	c.made = nil
}

func (it *item) uncount() {
	if it.counted != nil {
		it.counted.references.Add(-1)
		it.counted = nil
	}
}

// refuse ends what came and nobody took.
func (it *item) refuse() { it.refuseWith(errUnclaimed) }

func (it *item) refuseWith(reason error) {
	if it.r != nil {
		_ = Receiver[Raw]{end: it.r}.CloseWith(reason)
	}
	if it.s != nil {
		_ = Sender[Raw]{end: it.s}.CloseWith(reason)
	}
	if it.file != nil {
		_ = it.file.Close()
	}
	if it.value != nil {
		it.value.abandon()
	}
	it.r, it.s, it.file, it.value = nil, nil, nil, nil
}

// errUnclaimed is what the peer gets that has given away what was not taken.
var errUnclaimed = &ChannelError{Code: CodeRefused, Text: "the message's receiver did not take it"}

// finished ends a channel whose last message was just read. Called with the rx token held.
func (p *port) finished(r *recvEnd) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finishedLocked(r)
}

// finishedLocked is finished with port.mu held.
func (p *port) finishedLocked(r *recvEnd) { p.senderEnded(r, io.EOF) }
