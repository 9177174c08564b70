package engine

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/carry"
	"github.com/corechan/corechan/engine/codec/msgpack"
)

// A Message is a type with the methods that tinylib/msgp generates.
type Message interface {
	msgp.Marshaler
	msgp.Unmarshaler
	msgp.Sizer
}

// A Vetted is a Message whose UnmarshalMsg looks itself whether what it reads announces no more elements than can follow, and
// reads no byte twice. The engine looks for all others, if their type has slices, maps or any.
type Vetted interface {
	Message
	// Vetted does nothing.
	Vetted()
}

// Raw is a message of bytes without a codec: what Reserve and Lease handle in place. A Send copies it, and a Receive
// appends to it from its beginning, so that a buffer is used again.
type Raw []byte

// The codecs by the names that travel in OPEN.
const (
	codecMsgp = "msgpack"
	codecRaw  = "raw"
)

// An encoding is how messages of one type are encoded on one channel: chosen once, when an end is made.
type encoding struct {
	codec string
	mode  mode
	by    codec.Codec // by reflection
	plan  *carry.Plan
	// check: generated methods make room for as many elements as the message announces, so it is looked through before.
	check bool
	// tail is (*T)(nil).TailMsg of a type that is Tailed, else nil.
	tail any
}

// A Bounded message's UnmarshalMsg makes room only for as many elements as there are bytes left, and goes only as deep as
// codec.MaxDepth, also if the bytes change while it reads them: so it decodes out of the sender's memory, where other messages with
// slices or maps are copied and looked through before. corechan gen writes such methods, and says so by BoundedMsg, which does nothing;
// its parameter is T's own type, so that a struct does not have it from one that it embeds.
type Bounded[T any] interface {
	Message
	BoundedMsg(*T)
}

// announces reports whether a message of type t may announce how many elements follow: it has slices, maps, or what may be
// anything.
func announces(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Map, reflect.Interface:
		return true
	case reflect.Slice:
		return t.Elem().Kind() != reflect.Uint8
	case reflect.Pointer, reflect.Array:
		return announces(t.Elem(), seen)
	case reflect.Struct:
		if reflect.PointerTo(t).Implements(typeInbound) {
			return false // a reference
		}
		for i := range t.NumField() {
			if announces(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

type mode uint8

const (
	// byMethods: T has generated methods and carries nothing. The fast path.
	byMethods mode = iota
	// byCarrier: T has generated methods, and carries something.
	byCarrier
	// byPacker: T is a Packer.
	byPacker
	// asRaw: T is Raw.
	asRaw
	// byReflection: by the codec.
	byReflection
)

// encodings are those of the types and codecs that are used: as many as the program has.
var encodings sync.Map // of encodingKey to *encoding

type encodingKey struct {
	t     reflect.Type
	codec string // empty: the type's own
}

var rawEncoding, _ = encodingOf[Raw]()

// encodingOf returns the encoding of T as it is where nobody names a codec: always the same pointer.
func encodingOf[T any]() (*encoding, error) {
	t := reflect.TypeFor[T]()
	if e, ok := encodings.Load(encodingKey{t, ""}); ok {
		return e.(*encoding), nil
	}
	e := &encoding{codec: codecMsgp}
	var v *T
	_, vetted := any(v).(Vetted)
	switch any(v).(type) {
	case *Raw:
		e.codec, e.mode = codecRaw, asRaw
	case Packer:
		e.mode, e.check = byPacker, true
	case Carrier:
		e.mode, e.check = byCarrier, !vetted && announces(t, map[reflect.Type]bool{})
	case Message:
		e.check = !vetted && announces(t, map[reflect.Type]bool{})
	default:
		return encodingBy[T](msgpack.Codec{})
	}
	if _, ok := any(v).(Bounded[T]); ok {
		e.check = false
	}
	if m, ok := any(v).(Tailed[T]); ok && e.mode == byMethods {
		e.tail = m.TailMsg
	}
	first, _ := encodings.LoadOrStore(encodingKey{t, ""}, e)
	return first.(*encoding), nil
}

// encodingBy returns the encoding of T by a codec; nil is T's own.
func encodingBy[T any](by codec.Codec) (*encoding, error) {
	if by == nil {
		return encodingOf[T]()
	}
	t := reflect.TypeFor[T]()
	name := by.Name()
	if e, ok := encodings.Load(encodingKey{t, name}); ok {
		return e.(*encoding), nil
	}
	if name == "" || name == codecRaw || len(name) > codec.MaxName {
		return nil, fmt.Errorf("engine: %w: a codec cannot be called %q", ErrCodec, name)
	}
	if t == reflect.TypeFor[Raw]() {
		return nil, fmt.Errorf("engine: %w: Raw is bytes, and %q has no part in it", ErrCodec, name)
	}
	plan, err := carry.PlanFor(t, types{})
	if err == nil {
		if c, ok := by.(codec.Checker); ok {
			err = c.Check(plan.ShadowType())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("engine: %v: %w: %w", t, ErrNoCodec, err)
	}
	first, _ := encodings.LoadOrStore(encodingKey{t, name}, &encoding{codec: name, mode: byReflection, by: by, plan: plan})
	return first.(*encoding), nil
}

// encodingNamed returns the encoding of T by the codec of a name, if T and the engine know it.
func encodingNamed[T any](e *Engine, name string) (*encoding, error) {
	enc, err := encodingOf[T]()
	if err == nil && enc.codec == name {
		return enc, nil
	}
	if e != nil && name != codecRaw && (enc == nil || enc.codec != codecRaw) {
		if by := e.codec(name); by != nil {
			return encodingBy[T](by)
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("engine: %w: one end uses %q, and the other, of %v, %q; Config.Codecs lists the codecs that are known",
		ErrCodec, name, reflect.TypeFor[T](), enc.codec)
}

// engine returns the engine of the port's session, nil if there is none.
func (p *port) engine() *Engine {
	switch o := p.owner.(type) {
	case *Session:
		return o.eng
	case *laneOwner:
		return o.s.eng
	}
	return nil
}

// mayDecode returns why no codec that an engine knows takes T; nil if one may.
func mayDecode[T any](e *Engine) error {
	if e.cfg.Codec != nil || len(e.cfg.Codecs) != 0 {
		return nil
	}
	_, err := encodingOf[T]()
	return err
}

// useSender makes the end one of messages of type T, if that fits the channel; else the channel ends.
func useSender[T any](s *sendEnd) error {
	enc, err := encodingNamed[T](s.p.engine(), s.codec)
	if s.codec == "" && s.ended.Load() != nil { // nothing is encoded
		enc, err = encodingOf[T]()
	}
	if err != nil {
		err = fmt.Errorf("channel %q: %w", s.name, err)
		_ = s.close(&ChannelError{Code: CodeCodec, Text: err.Error()})
		return err
	}
	s.setEncoding(enc)
	return nil
}

func (s *sendEnd) setEncoding(enc *encoding) {
	s.enc, s.codec = enc, enc.codec
	s.plain = enc.mode == byMethods && !s.once && s.pair == nil && s.into.Load() == nil && !s.p.intercepted
	s.tailed = s.plain && enc.tail != nil && s.p.link.Gather != nil
}

// useReceiver is as useSender.
func useReceiver[T any](r *recvEnd) error {
	enc, err := encodingNamed[T](r.p.engine(), r.codec)
	if err != nil {
		err = fmt.Errorf("channel %q: %w", r.name, err)
		_ = r.close(&ChannelError{Code: CodeCodec, Text: err.Error()})
		return err
	}
	r.enc = enc
	return nil
}
