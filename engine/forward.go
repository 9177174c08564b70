package engine

import (
	"context"
	"errors"
	"io"
	"time"
)

// forward moves the messages of one channel to another, with all they carry and undecoded, until either ends; then it ends the
// other for the same reason. It is what stands between when an end that was received on one session is given away on
// another.
func forward(from *recvEnd, to *sendEnd) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	to.onEnd(cancel)
	to.watch()
	_, err := forwardUntil(ctx, from, to, (*givenEnd)(from).next)
	if ended := to.err(); ended != nil && !errors.Is(err, io.EOF) {
		_ = from.close(ended) // the receiver wants no more
		return
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	_ = to.close(err)
	_ = from.close(err)
}

// forwardUntil moves messages until an error, and returns how many. next is from's.
func forwardUntil(ctx context.Context, from *recvEnd, to *sendEnd, next nextFunc) (n int64, err error) {
	var buf []byte
	for ; ; n++ {
		payload, l, err := next(ctx)
		if err != nil {
			return n, err
		}
		buf = append(buf[:0], payload...)
		from.done(l)
		if err := to.forward(ctx, buf, l.cargo); err != nil {
			return n, err
		}
	}
}

type nextFunc func(ctx context.Context) ([]byte, letter, error)

// forward sends a message as it came, with what it carries.
func (s *sendEnd) forward(ctx context.Context, payload []byte, came *Cargo) error {
	flags := uint32(0)
	if s.once {
		flags = flagLast
	}
	c := Cargo{}
	c.carrying = s.codec
	c.within, c.descriptors = s.link()
	if came != nil {
		var err error
		if c.head, err = came.header.appendTo(nil); err != nil {
			came.drop()
			return err
		}
		for i := range came.items {
			if err := c.pass(&came.items[i]); err != nil {
				c.abandon()
				came.drop()
				return err
			}
		}
	}
	err := s.sendEncoded(ctx, &c, payload, flags)
	if err != nil {
		came.drop()
	} else if came != nil {
		for i := range came.items {
			came.items[i].uncount()
		}
	}
	return err
}

// link says what the end's link carries.
func (s *sendEnd) link() (within, descriptors bool) {
	if s.into.Load() != nil {
		return true, s.p.link.Descriptors
	}
	_, within = s.p.owner.(pipeEnd)
	return within, s.p.link.Descriptors
}

// left is how long an answer is wanted for from now on, in microseconds, as an entry says it.
func (it *item) left() uint32 {
	if it.flags&entryOnce == 0 || it.s == nil || it.s.by == 0 {
		return 0
	}
	return uint32(max((it.s.by-time.Now().UnixNano())/1000, 1))
}

// pass adds an item that came, on its way further.
func (c *Cargo) pass(it *item) error {
	out := item{entry: entry{ref: it.ref, kind: it.kind, flags: it.flags, second: it.left()}, s: it.s, r: it.r, file: it.file, value: it.value}
	switch {
	case it.err != nil:
		return it.err
	case it.value != nil && it.value.t != nil: // it had not left the process
		_, err := c.addValue(it.value.value, it.value.t, it.ref)
		return err
	case it.s != nil && it.r != nil: // both ways
		conn := &StreamConn{StreamReader: newStreamReader(it.r), StreamWriter: newStreamWriter(it.s)}
		out.value = &foreign{value: conn, r: conn.StreamReader, w: conn.StreamWriter, closer: conn}
		out.s, out.r = nil, nil
	case it.file != nil && !c.descriptors && !c.within:
		v, err := it.asValue(typeReadWriteCloser)
		if err != nil {
			return err
		}
		if _, err = c.addValue(v, typeReadWriteCloser, it.ref); err != nil {
			closeValue(v)
			return err
		}
		c.items[len(c.items)-1].made = true
		return nil
	}
	_, err := c.add(out)
	return err
}
