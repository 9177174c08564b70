package engine

import (
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/corechan/corechan/engine/codec"
)

// This side opens a channel.

// nextID returns the id for a channel that this side opens: odd ones are the dialer's, even ones the listener's. The
// peer must hear of them in this order, so an id is given when the frame that speaks of it is written: called with the
// tx token and port.mu held.
//
// Ids come round after 2³¹ channels, and leave out those that are still open.
func (s *Session) nextID() uint32 {
	p := s.port
	last := s.lastID.Load()
	for id := last; ; {
		switch id += 2; {
		case id == 0: // come round
			id = 2
		case id == 2 && last == 0 && s.link.Dialer:
			id = 1
		}
		if p.sends[id] == nil && p.recvs[id] == nil && s.offers[id] == nil {
			if id < last {
				s.cameRound.Store(true)
			}
			s.lastID.Store(id)
			return id
		}
	}
}

// open opens a channel in the session's ring.
func (s *Session) open(name string, enc *encoding, header []byte, unbuffered bool) (*sendEnd, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if s.gone.Load() {
		return nil, s.Err()
	}
	p := s.port
	end := newSendEnd(p, 0, name, s.maxMessage(s.link.MaxRecord))
	end.setEncoding(enc)
	end.born = time.Now().UnixNano()
	end.flow = true
	end.granted.Store(uint64(s.link.PeerLimits.Window))

	p.mu.Lock()
	if err := s.mayOpen(len(p.sends) + s.opening); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	s.opening++
	p.open.Add(1)
	flags := uint8(0)
	if unbuffered {
		flags = flagUnbuffered
		end.meet = &rendezvous{turn: make(chan struct{}, 1), window: uint64(s.link.PeerLimits.Window)}
		end.plain = false
	}
	end.opening = newOpening(enc, name, header, flags)
	p.queueControl(end, &end.queued)
	s.opens++
	look := s.opens%peekEvery == 0
	p.mu.Unlock()
	p.flushControl()
	if look {
		p.look()
	}
	return end, nil
}

// look reads what has come, if nobody else does, by a system call if that is what it takes: who only opens channels and closes them
// would else leave unread what is answered, until the peer takes no more of that.
func (p *port) look() {
	if p.loop.Load() != nil || !p.rx.try() {
		return
	}
	if p.lookFor(1) {
		_, _ = p.next(context.Background(), nil)
	}
	p.giveRx()
}

// newOpening returns the OPEN of a channel that has no id yet.
func newOpening(enc *encoding, name string, head []byte, flags uint8) *control {
	if len(head) != 0 {
		flags |= flagHeader
	}
	return &control{h: header{typ: frameOpen, flags: flags}, codec: enc.codec, name: name, header: string(head)}
}

// mayOpen returns why no channel can be opened beside count others, or nil. Called with port.mu held.
func (s *Session) mayOpen(count int) error {
	switch {
	case s.port.err != nil:
		return s.port.err
	case s.gone.Load():
		return ErrPeerGone
	case s.draining.Load():
		return ErrDraining
	case count >= s.limits.Channels:
		return &LimitError{What: "open channels", Limit: uint64(s.limits.Channels), Hint: "raise Limits.Channels"}
	}
	return nil
}

// maxMessage returns the largest payload of a message in a ring whose records hold maxRecord bytes.
func (s *Session) maxMessage(maxRecord int) int {
	return min(maxRecord-HeaderSize, int(min(s.link.PeerLimits.MaxMessage, math.MaxInt32)))
}

func checkName(name string) error {
	if name == "" || len(name) > MaxNameLen {
		return fmt.Errorf("engine: channel name of %d bytes: it takes 1 to %d", len(name), MaxNameLen)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("engine: channel name %q is not UTF-8", name)
	}
	return nil
}

// Open opens a channel to the peer under a name and returns its sending end. It does not wait for the peer to Accept: messages
// may be sent at once, as many as the receiver's window takes. Several channels may have one name.
//
// The errors: ErrNoCodec for a T without generated methods; *LimitError for too many channels; the session's end.
func Open[T any](ctx context.Context, s *Session, name string) (Sender[T], error) {
	return OpenWith[T](ctx, s, name, nil)
}

// OpenOptions say how a channel is opened. The zero value, and nil, is what Open does.
type OpenOptions struct {
	// Codec encodes the messages. The receiver's engine must know it: see Config.Codecs. nil: Config.Codec.
	Codec codec.Codec
	// Unbuffered makes Send wait until the message was received, as on an unbuffered channel of Go, and one Send after the
	// other. If its context ends while it waits, the message may be received or not. Reserve is not for such a channel.
	// An end of it that is given away is that of a channel with a window again.
	Unbuffered bool
	// Header travels with the opening: see Receiver.Header.
	Header Header
}

// openHeader returns the encoded header that a channel is opened with.
func (s *Session) openHeader(ctx context.Context, name string, o *OpenOptions) ([]byte, error) {
	var h Header
	if o != nil {
		h = o.Header
	}
	if len(s.eng.cfg.Interceptors) != 0 {
		op := Opening{Session: s, Name: name, Header: maps.Clone(h)}
		if op.Header == nil {
			op.Header = Header{}
		}
		if err := s.eng.interceptOpen(ctx, &op); err != nil {
			return nil, err
		}
		h = op.Header
	}
	return h.appendTo(nil)
}

// OpenWith is Open with options.
func OpenWith[T any](ctx context.Context, s *Session, name string, o *OpenOptions) (Sender[T], error) {
	by := s.eng.cfg.Codec
	if o != nil && o.Codec != nil {
		by = o.Codec
	}
	if reflect.TypeFor[T]() == reflect.TypeFor[Raw]() {
		by = nil
	}
	enc, err := encodingBy[T](by)
	if err != nil {
		return Sender[T]{}, err
	}
	if err := ctx.Err(); err != nil {
		return Sender[T]{}, err
	}
	head, err := s.openHeader(ctx, name, o)
	if err != nil {
		return Sender[T]{}, err
	}
	end, err := s.open(name, enc, head, o != nil && o.Unbuffered)
	if err != nil {
		return Sender[T]{}, err
	}
	return Sender[T]{end: end}, nil
}
