// Package xml is the codec for messages as XML, by encoding/xml and its struct tags. The message's element is called
// "message", unless its struct has an XMLName.
//
// encoding/xml cannot decode any or maps: Check refuses types that have them, rather than lose what they hold. It
// writes nil and empty slices, and nil pointers, as nothing, and []byte as text, nil as an empty one; bytes that are
// not text can be a type with text methods, such as a hexadecimal one. A field of type [codec.Ref] is its number in decimal.
//
// Of XML itself, a payload may have a declaration, comments and processing instructions, but no DOCTYPE: what entities
// that would define, a receiver is not to find out.
package xml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"unicode/utf8"

	"github.com/corechan/corechan/engine/codec"
)

// Name is what the codec is called when a channel is opened.
const Name = "xml"

// root is the name of the element of a message that does not name its own.
const root = "message"

// Codec is the XML codec. Its zero value is ready, and may be used concurrently.
type Codec struct{}

var (
	_ codec.Codec   = Codec{}
	_ codec.Checker = Codec{}
)

// Name returns "xml".
func (Codec) Name() string { return Name }

// Append appends the encoding of *v. The errors: those of Check; ErrText for a string with bytes that are not UTF-8 or characters
// that XML does not allow (most control characters, and U+FFFD, which stands for them); ErrDepth; those of the message's
// own methods.
func (c Codec) Append(b []byte, v any) ([]byte, error) {
	t, err := c.message(v)
	if err != nil {
		return b, fmt.Errorf("xml: encode %T: %w", v, err)
	}
	if err := bounded(reflect.ValueOf(v), 0); err != nil {
		return b, fmt.Errorf("xml: encode %T: %w", v, err)
	}
	var out bytes.Buffer
	e := xml.NewEncoder(&out)
	if namesItself(t) {
		err = e.Encode(v)
	} else {
		err = e.EncodeElement(v, xml.StartElement{Name: xml.Name{Local: root}})
	}
	if err == nil {
		err = e.Close()
	}
	if err != nil {
		var typ *xml.UnsupportedTypeError
		if errors.As(err, &typ) {
			err = fmt.Errorf("%w: %w", codec.ErrType, err)
		}
		return b, fmt.Errorf("xml: encode %T: %w", v, err)
	}
	encoded := out.Bytes()
	if bytes.Contains(encoded, []byte("\uFFFD")) || !utf8.Valid(encoded) {
		return b, fmt.Errorf("xml: encode %T: %w", v, codec.ErrText)
	}
	if err := scan(encoded); err != nil {
		return b, fmt.Errorf("xml: encode %T: %w", v, err)
	}
	return append(b, encoded...), nil
}

// Decode decodes the payload into *v. What the payload does not have keeps its value; slices are appended to.
func (c Codec) Decode(payload []byte, v any) error {
	if _, err := c.message(v); err != nil {
		return fmt.Errorf("xml: decode %T: %w", v, err)
	}
	if err := decode(payload, v); err != nil {
		return fmt.Errorf("xml: decode %T: %w: %w", v, codec.ErrPayload, err)
	}
	return nil
}

func decode(payload []byte, v any) error {
	if !utf8.Valid(payload) {
		return codec.ErrText
	}
	if err := scan(payload); err != nil {
		return err
	}
	d := xml.NewDecoder(bytes.NewReader(payload))
	if err := d.Decode(v); err != nil {
		var syntax *xml.SyntaxError
		if errors.Is(err, io.EOF) || errors.As(err, &syntax) && d.InputOffset() == int64(len(payload)) {
			return fmt.Errorf("%w: %w", codec.ErrTruncated, err)
		}
		return err
	}
	for {
		token, err := d.Token()
		switch t := token.(type) {
		case nil:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("%w: %w", codec.ErrTrailing, err)
		case xml.Comment, xml.ProcInst:
		case xml.CharData:
			if len(bytes.TrimSpace(t)) != 0 {
				return codec.ErrTrailing
			}
		default:
			return codec.ErrTrailing
		}
	}
}

// message returns the type that v points to.
func (c Codec) message(v any) (reflect.Type, error) {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return nil, fmt.Errorf("%w: want a pointer to the message, not nil", codec.ErrType)
	}
	t := p.Type().Elem()
	return t, c.Check(t)
}
