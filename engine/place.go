package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/tinylib/msgp/msgp"
)

// A placing is the wait for a message whose last bytes may be read straight into the user's memory: the condition of its receiver's
// poll, and the Placer of the link meanwhile.
//
//	poll                                  read, by the poller
//	  PlaceBy ──────────────────────>       the beginning of a large frame has come
//	                    Place: is it the message, and has its field room?
//	                                        the rest goes to the field
//	  the message is there: decode its head, the tail is where it belongs
//	  or the wait ends otherwise: Unplace, and the next Receive finds an ordinary frame
type placing struct {
	r     *recvEnd
	raw   bool
	key   string  // of a tuple: empty
	field *[]byte // where the tail goes, if its capacity is enough

	first *byte  // the payload's first byte in the ring, of the frame whose tail was placed; nil: none
	tail  []byte // where
	head  int    // bytes of the payload before it
	here  bool   // the poll has returned that frame's payload
}

var placings = sync.Pool{New: func() any { return new(placing) }}

// A placing is met when its end is.
func (t *placing) met() bool               { return t.r.met() }
func (t *placing) signal() <-chan struct{} { return t.r.signal() }

// placingFor returns a placing for a message to be received into v; nil if v has no room for one that is large.
func placingFor[T any](r *recvEnd, v *T) *placing {
	var key string
	var field *[]byte
	switch {
	case r.enc.mode == asRaw:
		field = (*[]byte)(any(v).(*Raw))
	case r.enc.check:
		return nil
	default:
		tail, ok := r.enc.tail.(func(*T) (string, *[]byte))
		if !ok {
			return nil
		}
		key, field = tail(v)
	}
	if cap(*field) < largeTail {
		return nil
	}
	t := placings.Get().(*placing)
	*t = placing{r: r, raw: r.enc.mode == asRaw, key: key, field: field}
	return t
}

// receivePlacing is receiveMessage for who waits with a placing.
func receivePlacing[T any](ctx context.Context, r *recvEnd, v *T, m *Meta, t *placing) error {
	defer func() {
		*t = placing{}
		placings.Put(t)
	}()
	payload, l, err := r.nextSlow(ctx, t)
	if err != nil {
		return err
	}
	if t.here {
		return decodePlaced(t, payload, v)
	}
	if m != nil && l.cargo != nil {
		m.Header = l.cargo.header
	}
	return decode(r, payload, l, v)
}

// pollPlacing is poll for a placing.
func (p *port) pollPlacing(ctx context.Context, t *placing, want *recvEnd) ([]byte, error) {
	p.placing = t
	p.link.PlaceBy(t)
	payload, err := p.pollFor(ctx, t, want)
	if t.first != nil {
		if t.here = len(payload) != 0 && &payload[0] == t.first; !t.here {
			p.link.Unplace()
		}
	}
	p.link.PlaceBy(nil)
	p.placing = nil
	return payload, err
}

// not says that the frame is not for whom its tail was placed, if it was.
func (t *placing) not(frame []byte) {
	if len(frame) > HeaderSize && &frame[HeaderSize] == t.first {
		t.r.p.link.Unplace()
		t.first = nil
	}
}

// Place implements Placer. Nothing is allocated for what a peer only announces: the field has room, or the message takes the
// usual way.
func (t *placing) Place(there []byte, length int) []byte {
	r := t.r
	if len(there) <= HeaderSize || r.given.Load() || r.queued.Load() != 0 {
		return nil
	}
	kind, channel, arg := readHeader(there)
	if kind != kindData || channel != r.id.Load() || arg != 0 || length > r.maxFrame || r.window != 0 && r.received >= r.granted.Load() {
		return nil
	}
	head := 0
	if !t.raw {
		if head = tailAt(there[HeaderSize:], length-HeaderSize, t.key); head == 0 {
			return nil
		}
	}
	n := length - HeaderSize - head
	if n < largeTail || n > cap(*t.field) {
		return nil
	}
	t.first, t.head, t.tail = &there[HeaderSize], head, (*t.field)[:n]
	return t.tail
}

// mostHead is how much of a payload there may be before its tail.
const mostHead = 2 << 10

// tailAt returns where the last field's bytes begin in a payload of so many bytes, of which the beginning is there: a map's last
// value, of that key, or a tuple's if the key is empty. 0: they do not, or that is not to be seen yet.
func tailAt(there []byte, length int, key string) int {
	b := there[:min(len(there), mostHead)]
	all := len(b)
	var n uint32
	var err error
	if key == "" {
		n, b, err = msgp.ReadArrayHeaderBytes(b)
	} else {
		n, b, err = msgp.ReadMapHeaderBytes(b)
	}
	for ; n > 1 && err == nil; n-- {
		if key != "" {
			if b, err = msgp.Skip(b); err != nil {
				break
			}
		}
		b, err = msgp.Skip(b)
	}
	if err != nil || n == 0 {
		return 0
	}
	if key != "" {
		var last []byte
		if last, b, err = msgp.ReadMapKeyZC(b); err != nil || string(last) != key {
			return 0
		}
	}
	at := all - len(b) + tailHeader
	if len(b) < tailHeader || b[0] != bin32 || uint64(binary.BigEndian.Uint32(b[1:])) != uint64(length-at) {
		return 0
	}
	return at
}

const (
	// bin32 and a length, 4 bytes big-endian, stand before so many bytes: see MessagePack's specification.
	bin32      = 0xc6
	tailHeader = 5
)

// decodePlaced is decodeDirect for a message whose tail is in its field already.
func decodePlaced[T any](t *placing, payload []byte, v *T) (err error) {
	done := false
	defer func() {
		t.r.doneDirect()
		if !done {
			err = fmt.Errorf("%w: decoding %T panicked: %v", ErrMalformed, v, recover())
		}
	}()
	if !t.raw {
		head := payload[:t.head:t.head]
		clear(head[t.head-tailHeader+1:]) // what is left is a message that ends with no bytes
		err = decodePayload(t.r.enc, head, nil, v)
	}
	if err == nil {
		*t.field = t.tail
	}
	done = true
	return err
}
