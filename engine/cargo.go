package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/corechan/corechan/fd"
)

// A Cargo is what one message carries beside its bytes: ends of channels, byte streams, descriptors. The methods that
// carry a type's fields get one; see Carrier. It is used by one goroutine at a time, and not after the Send or Receive it
// belongs to.
//
// On the way out: the fields are added, then, with the tx token held, bound: those that stay get their place on the
// session, those that go get their entry in the table. Only when the frame is published is anything given away for good;
// until then all of it can be undone.
//
// On the way in: the ends exist as soon as the frame is read, before the message is decoded, so that what comes for them is
// kept, within their window. What the message's fields do not take is refused.
type Cargo struct {
	in       bool
	carrying string // the codec of the channel
	header   Header // that came
	head     []byte // that goes, encoded
	// within: it does not leave the process. descriptors: the link carries those.
	within, descriptors bool
	refusing            bool // it is collected only to be refused
	items               []item
	// made are the files and connections that fields have taken, in case the message is refused after all.
	made []io.Closer
}

// An item is one value that is carried.
type item struct {
	entry
	// s and r are the ends: on the way out those that were given, on the way in those that came.
	s *sendEnd
	r *recvEnd
	// near is what stays here of an item on its way out.
	nearS *sendEnd
	nearR *recvEnd
	// value is a foreign stream, whose bytes are moved to and from the ends that stay.
	value *foreign
	file  Attachment // a descriptor, or a local value
	gift  io.Closer  // see Carried.Gift
	// err says why what came cannot be used.
	err   error
	taken bool
	again bool // nearR goes back to the session that it was on
	made  bool // value was made here, of a descriptor that came, and is nobody else's
	// counted: one of that session's references that nobody has taken yet.
	counted *Session
	pair    *pair // claimed
}

var (
	errGiveClosed = fmt.Errorf("engine: an end in the message was closed here, and cannot be given away: %w", os.ErrClosed)
	errTwice      = errors.New("engine: an end is in the message twice: it can be given away once")
	errBusy       = errors.New("engine: the pair is being given away elsewhere") // never seen by users
)

// carries reports whether there is anything.
func (c *Cargo) carries() bool { return len(c.items) != 0 }

// add adds an item on its way out. ref 0: the next number that is free.
func (c *Cargo) add(it item) (ref uint32, err error) {
	if len(c.items) >= maxEntries {
		return 0, &LimitError{What: "values carried by a message", Limit: maxEntries, Hint: "send several messages"}
	}
	if it.ref == 0 {
		it.ref = uint32(len(c.items) + 1)
	}
	if c.refusing {
		c.items = append(c.items, it)
		return it.ref, nil
	}
	if it.s != nil && it.s.given.Load() || it.r != nil && it.r.given.Load() {
		return 0, errGiven
	}
	if it.s != nil && it.s.err() == errClosed || it.kind == kindReceiver && it.r != nil && it.r.isClosed() { //nolint:errorlint // itself
		return 0, errGiveClosed
	}
	for i := range c.items {
		o := &c.items[i]
		if it.s != nil && o.s == it.s || it.r != nil && o.r == it.r {
			return 0, errTwice
		}
		if o.ref == it.ref {
			return 0, fmt.Errorf("engine: two values carried under the number %d", it.ref)
		}
		if q := it.ofPair(); q != nil && q == o.ofPair() && !c.within {
			q.settleHere() // both its ends go, so it has to be somewhere in between
		}
	}
	c.items = append(c.items, it)
	return it.ref, nil
}

// ofPair returns the pair whose end the item is on its way out, if it is one.
func (it *item) ofPair() *pair {
	switch {
	case it.s != nil:
		return it.s.pair
	case it.r != nil:
		return it.r.pair
	}
	return nil
}

// bind gives every item its place. Called with the tx token held and nothing left to fail but this. On error nothing is
// bound.
func (c *Cargo) bind(p *port) error {
	var err error
	switch owner := p.owner.(type) {
	case *Session:
		err = c.bindAll(p, owner)
	case pipeEnd:
		err = c.bindLocal(p)
	default:
		if !c.carries() {
			return nil
		}
		return fmt.Errorf("engine: a lane's messages carry no channels, streams or descriptors: %w; use Open", errors.ErrUnsupported)
	}
	if err != nil {
		c.unbind(p)
	}
	return err
}

func (c *Cargo) bindAll(p *port, s *Session) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	files := 0
	for i := range c.items {
		it := &c.items[i]
		if err := it.bind(p, s); err != nil {
			return err
		}
		if name := it.nearCodec(); it.codec == 0 && name != "" && name != c.carrying {
			return fmt.Errorf("engine: %w: a channel that uses %q can be given away only on one that does too", ErrCodec, name)
		}
		if it.kind == kindDescriptor {
			files++
		}
	}
	switch {
	case files == 0:
		return nil
	case files > fd.MaxFDs:
		return &LimitError{What: "descriptors a message", Got: uint64(files), Limit: fd.MaxFDs}
	}
	return c.giveFiles(p) // last: it cannot be undone
}

// giveFiles hands the descriptors to the bell. Called with the tx token held.
func (c *Cargo) giveFiles(p *port) error {
	give := p.giving[:0]
	for i := range c.items {
		if it := &c.items[i]; it.kind == kindDescriptor {
			give = append(give, it.file)
		}
	}
	err := p.bell.Give(give)
	clear(give)
	p.giving = give[:0]
	if err != nil {
		return err
	}
	for i := range c.items {
		if it := &c.items[i]; it.kind == kindDescriptor {
			it.file = nil // the bell's
		}
	}
	return nil
}

// bind gives an item its place. Called with port.mu and the tx token held.
func (it *item) bind(p *port, s *Session) error {
	if it.kind == kindSender && it.comesHome(p) {
		it.kind, it.channel, it.flags = kindHome, it.s.id, it.flags&entryStream
		return nil
	}
	switch it.kind {
	case kindSender:
		if near := it.s.goesOut(p); near != nil {
			if err := s.mayOpen(len(p.recvs)); err != nil {
				return err
			}
			it.codec, it.channel, it.again = codecNumber(near.codec), s.nextID(), true
			near.goOut(it.channel, s.limits.MaxMessage)
			it.nearR = near
			return nil
		}
		near, err := it.nearReceiver()
		if err != nil {
			return err
		}
		if err := s.mayOpen(len(p.recvs)); err != nil {
			return err
		}
		it.codec, it.channel = codecNumber(near.codec), s.nextID()
		near.place(p, it.channel, s.limits.Window, s.limits.MaxMessage)
		it.nearR = near
	case kindReceiver:
		near, err := it.nearSender()
		if err != nil {
			return err
		}
		if err := s.mayOpen(len(p.sends) + s.opening); err != nil {
			return err
		}
		it.codec, it.channel = codecNumber(near.codec), s.nextID()
		near.place(p, it.channel, s)
		it.nearS = near
		if it.second = 0; it.pair == nil && it.r != nil {
			near.from = it.r
			if it.r.p == p && it.r.near == nil && p.recvs[it.r.id.Load()] == it.r {
				it.second = it.r.id.Load() // it comes home, unless the peer has ended it
			}
		}
	case kindDuplex:
		if err := s.mayOpen(max(len(p.sends)+s.opening, len(p.recvs))); err != nil {
			return err
		}
		it.codec, it.flags = codecNumber(codecRaw), entryStream
		it.channel = s.nextID()
		it.nearS = newSendEnd(nil, 0, "", 0)
		it.nearS.codec = codecRaw
		it.nearS.place(p, it.channel, s)
		it.second = s.nextID()
		it.nearR = newRecvEnd(nil, 0, "", codecRaw, 0, 0)
		it.nearR.place(p, it.second, s.limits.Window, s.limits.MaxMessage)
	}
	return nil
}

// nearCodec returns the codec of the end that stays, empty if there is none.
func (it *item) nearCodec() string {
	switch {
	case it.nearR != nil:
		return it.nearR.codec
	case it.nearS != nil:
		return it.nearS.codec
	}
	return ""
}

// nearReceiver returns the receiving end that stays here when the sending end it.s is given away.
func (it *item) nearReceiver() (*recvEnd, error) {
	switch {
	case it.r != nil: // Call's own
		return it.r, nil
	case it.s == nil: // a foreign writer
		return newRecvEnd(nil, 0, "", codecRaw, 0, 0), nil
	case it.s.pair != nil:
		if claimed, err := it.claim(it.s.pair); claimed || err != nil {
			return it.s.pair.r, err
		}
		if it.s.pair.sGiven {
			return nil, errGiven
		}
	}
	// One whose receiver has ended the channel, which may show at any time, is given away as that: the forwarder says it.
	if err := it.s.err(); err == errClosed || err == errGiven { //nolint:errorlint // themselves
		return nil, err
	}
	return newRecvEnd(nil, 0, it.s.name, it.s.codec, 0, 0), nil
}

// nearSender returns the sending end that stays here when the receiving end it.r is given away.
func (it *item) nearSender() (*sendEnd, error) {
	codec, name := codecRaw, ""
	if it.r != nil {
		codec, name = it.r.codec, it.r.name
		if q := it.r.pair; q != nil {
			if claimed, err := it.claim(q); claimed || err != nil {
				return q.s, err
			}
			if q.rGiven {
				return nil, errGiven
			}
		}
	}
	s := newSendEnd(nil, 0, name, 0)
	s.codec = codec
	return s, nil
}

// claim takes a pair whose end is given away, if it is not settled.
func (it *item) claim(q *pair) (bool, error) {
	switch {
	case q.state.CompareAndSwap(pairFree, pairBusy):
		it.pair = q
		return true, nil
	case q.state.Load() == pairSettled:
		return false, nil
	}
	return false, errBusy
}

// place makes the end one of a port's. Called with port.mu held.
func (r *recvEnd) place(p *port, id, window, maxMessage uint32) {
	r.p, r.window, r.maxFrame = p, uint64(window), HeaderSize+int(maxMessage)
	r.granted.Store(uint64(window))
	r.id.Store(id)
	if r.born == 0 && r.key != 0 { // not a call's
		r.born = time.Now().UnixNano()
	}
	p.addRecv(r)
}

// place makes the end one of a session's. Called with port.mu held.
func (s *sendEnd) place(p *port, id uint32, owner *Session) {
	s.p, s.id, s.flow, s.maxMessage = p, id, true, owner.maxMessage(owner.link.MaxRecord)
	s.granted.Store(uint64(owner.link.PeerLimits.Window))
	if !s.once {
		s.born = time.Now().UnixNano()
	}
	p.addSend(s)
}

// unbind undoes bind.
func (c *Cargo) unbind(p *port) {
	p.mu.Lock()
	for i := range c.items {
		it := &c.items[i]
		switch {
		case it.again:
			it.nearR.stayHome(it.s)
		case it.nearR != nil:
			p.removeRecv(it.nearR)
			it.nearR.p = nil
			it.nearR.id.Store(0)
		}
		if it.nearS != nil {
			p.removeSend(it.nearS)
		}
		if it.pair != nil {
			it.pair.r.p, it.pair.s.p = nil, nil
			it.pair.unclaim()
		}
		if it.kind == kindHome {
			it.kind = kindSender
		}
		it.nearR, it.nearS, it.pair, it.again = nil, nil, nil, false
	}
	p.mu.Unlock()
}

// sent is called once the frame is published: what was given away is.
func (c *Cargo) sent() {
	for i := range c.items {
		it := &c.items[i]
		switch {
		case it.gift != nil:
			_ = it.gift.Close()
		case it.kind == kindHome:
		case it.again:
			it.s.given.Store(true)
			it.s.end(errGiven)
		case it.pair != nil:
			it.pair.settle(it.kind == kindSender)
		case it.value != nil:
			it.value.start(it.nearS, it.nearR)
		case it.kind == kindSender && it.s != nil:
			it.s.given.Store(true)
			go forward(it.nearR, it.s)
		case it.kind == kindReceiver && it.r != nil:
			it.r.giveAway()
			go forward(it.r, it.nearS)
		}
	}
}

// abandon frees what was collected for a message that is not sent.
func (c *Cargo) abandon() {
	for i := range c.items {
		it := &c.items[i]
		if it.file != nil {
			_ = it.file.Close()
		}
		if it.made {
			closeValue(it.value.value)
		}
	}
}

func closeValue(v any) {
	if c, ok := v.(io.Closer); ok {
		_ = c.Close()
	}
}

// putTable writes the table.
func (c *Cargo) putTable(b []byte) {
	for i := range c.items {
		putEntry(b[i*entrySize:], &c.items[i].entry)
	}
	copy(b[len(c.items)*entrySize:], c.head)
}

// attachments returns how many of the items travel beside the frame.
func (c *Cargo) attachments() (n int) {
	for i := range c.items {
		if k := c.items[i].kind; k == kindDescriptor || k == kindLocal {
			n++
		}
	}
	return n
}

// bindLocal hands everything over as it is: the message stays within the process.
func (c *Cargo) bindLocal(p *port) error {
	give := make([]Attachment, len(c.items))
	for i := range c.items {
		it := &c.items[i]
		give[i] = &localValue{*it}
	}
	if err := p.bell.Give(give); err != nil {
		return err
	}
	for i := range c.items {
		it := &c.items[i]
		it.entry = entry{ref: it.ref, kind: kindLocal}
		*it = item{entry: it.entry}
	}
	return nil
}

// A localValue is an item on its way through a Pipe. If nobody takes it, what it is the end of ends.
type localValue struct{ it item }

// Close implements Attachment.
func (l *localValue) Close() error {
	l.it.refuse()
	return nil
}

// sendCargo sends a message with a table: m, or if it is nil what is encoded already. flags are the frame's.
func (s *sendEnd) sendCargo(ctx context.Context, c *Cargo, m Message, encoded []byte, flags uint32) error {
	for wait := 50 * time.Microsecond; ; {
		err := errCameHome
		if s.into.Load() == nil {
			err = s.trySendCargo(ctx, c, m, encoded, flags)
		}
		switch {
		case err == errCameHome: //nolint:errorlint // never wrapped
			err = s.sendInto(ctx, c, m, encoded, flags)
		case err == errBusy: //nolint:errorlint // never wrapped
			runtime.Gosched()
			continue
		case errors.Is(err, ErrBellFull): // nobody says when there is room
			if err = s.pause(ctx, wait); err == nil {
				wait = min(2*wait, 5*time.Millisecond)
				continue
			}
		}
		if err != nil {
			c.abandon()
		}
		return err
	}
}

// pause waits for some time, or for an end.
func (s *sendEnd) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return s.err()
	case <-ctx.Done():
		return ctx.Err()
	case <-s.p.failed:
		return s.because(ctx, s.p.reason())
	}
}

func (s *sendEnd) trySendCargo(ctx context.Context, c *Cargo, m Message, encoded []byte, flags uint32) error {
	table, n := entrySize*len(c.items)+len(c.head), len(encoded)
	if len(c.head) != 0 {
		flags |= flagHeader
	}
	if m != nil {
		n = m.Msgsize()
	}
	b, err := s.reserve(ctx, min(table+n, s.maxMessage))
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			s.abort()
		}
	}()
	if len(b) < table {
		return s.tooLarge(table + n)
	}
	if m == nil {
		n = copy(b[table:], encoded)
	} else {
		var grown []byte
		n, grown, err = marshal(m, b[table:], s.maxMessage-table)
		if err != nil {
			var large *LimitError
			if errors.As(err, &large) { // the limit is of both
				return s.tooLarge(table + int(large.Got))
			}
			return err
		}
		if grown != nil {
			committed = true
			s.abort()
			return s.trySendCargo(ctx, c, nil, grown, flags)
		}
	}
	if n < len(encoded) {
		return s.tooLarge(table + len(encoded))
	}
	if err := c.bind(s.p); err != nil {
		return err
	}
	c.leave(s.p)
	c.putTable(b)
	committed = true
	s.commitAs(table+n, kindData|flags<<8|uint32(c.attachments())<<16, uint32(len(c.items)))
	c.sent()
	return nil
}
