package engine

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/tinylib/msgp/msgp"
)

// A Message is a type with the methods that tinylib/msgp generates.
type Message interface {
	msgp.Marshaler
	msgp.Unmarshaler
	msgp.Sizer
}

// Raw is a message of bytes without a codec: what Reserve and Lease handle in place. A Send copies it, and a Receive
// appends to it from its beginning, so that a buffer is used again.
type Raw []byte

// The codecs by the names that travel in OPEN.
const (
	codecMsgp = "msgpack"
	codecRaw  = "raw"
)

// An encoding is how messages of one type are encoded: chosen once, when an end is made.
type encoding struct {
	codec string
	mode  mode
}

type mode uint8

const (
	// byMethods: T has generated methods and carries nothing. The fast path.
	byMethods mode = iota
	// byCarrier: T has generated methods, and carries something.
	byCarrier
	// asRaw: T is Raw.
	asRaw
	// byReflection: by the codec.
	byReflection
)

// encodings are those of the types that are used: as many as the program has.
var encodings sync.Map // of reflect.Type to *encoding

var rawEncoding, _ = encodingOf[Raw]()

// encodingOf returns the encoding of T: always the same pointer.
func encodingOf[T any]() (*encoding, error) {
	t := reflect.TypeFor[T]()
	if e, ok := encodings.Load(t); ok {
		return e.(*encoding), nil
	}
	e := &encoding{codec: codecMsgp}
	var v *T
	switch any(v).(type) {
	case *Raw:
		e.codec, e.mode = codecRaw, asRaw
	case *any:
		e.mode = byReflection
	case Carrier:
		e.mode = byCarrier
	case Message:
	default:
		return nil, fmt.Errorf("engine: %v: %w: generate its methods with `go run github.com/tinylib/msgp` (MarshalMsg, "+
			"UnmarshalMsg, Msgsize on the pointer), or use Raw or any", t, ErrNoCodec)
	}
	first, _ := encodings.LoadOrStore(t, e)
	return first.(*encoding), nil
}

// use makes the end one of messages that enc encodes, if that fits the channel.
func (s *sendEnd) use(enc *encoding) error {
	if s.codec != enc.codec {
		err := fmt.Errorf("engine: %w: the channel is received as %q and sent as %q", ErrCodec, s.codec, enc.codec)
		_ = s.close(&ChannelError{Code: CodeCodec, Text: err.Error()})
		return err
	}
	s.setEncoding(enc)
	return nil
}

func (s *sendEnd) setEncoding(enc *encoding) {
	s.enc, s.codec = enc, enc.codec
	s.plain = enc.mode == byMethods && !s.once && s.pair == nil
}

// use is as sendEnd.use.
func (r *recvEnd) use(enc *encoding) error {
	if r.codec != enc.codec {
		text := fmt.Sprintf("channel %q is sent as %q and received as %q", r.name, r.codec, enc.codec)
		_ = r.close(&ChannelError{Code: CodeCodec, Text: text})
		return fmt.Errorf("engine: %w: %s", ErrCodec, text)
	}
	r.enc = enc
	return nil
}
