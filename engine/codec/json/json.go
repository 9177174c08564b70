// Package json is the codec for messages as JSON, by encoding/json: its struct tags, its rules for any (numbers are
// float64), its Marshaler and Unmarshaler. Channels of other languages' programs are what it is for; msgpack is smaller and
// faster.
//
// An object whose sole key is "@ref" is a reference to a carried value: [codec.Ref]. A message must not have such an
// object of its own.
//
// Text must be UTF-8, in messages and payloads. White space around a payload's value is part of JSON, and accepted; a
// second value is not. Unknown fields are skipped.
package json

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/corechan/corechan/engine/codec"
)

// Name is what the codec is called when a channel is opened.
const Name = "json"

// Codec is the JSON codec. Its zero value is ready, and may be used concurrently.
type Codec struct{}

var _ codec.Codec = Codec{}

// Name returns "json".
func (Codec) Name() string { return Name }

// Append appends the encoding of *v. The errors: ErrText for a string that is not UTF-8, which would not come back as it
// was; ErrType for what JSON has no form for; ErrDepth; those of the message's own methods.
func (Codec) Append(b []byte, v any) ([]byte, error) {
	if p := reflect.ValueOf(v); p.Kind() != reflect.Pointer || p.IsNil() {
		return b, fmt.Errorf("json: encode %T: %w: want a pointer to the message, not nil", v, codec.ErrType)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		var typ *json.UnsupportedTypeError
		var value *json.UnsupportedValueError
		switch {
		case errors.As(err, &value) && strings.Contains(value.Str, "cycle"):
			err = fmt.Errorf("%w: %w", codec.ErrDepth, err)
		case errors.As(err, &typ) || value != nil:
			err = fmt.Errorf("%w: %w", codec.ErrType, err)
		}
		return b, fmt.Errorf("json: encode %T: %w", v, err)
	}
	if replaced(encoded) {
		return b, fmt.Errorf("json: encode %T: %w: a string is not UTF-8", v, codec.ErrText)
	}
	if tooDeep(encoded) {
		return b, fmt.Errorf("json: encode %T: %w", v, codec.ErrDepth)
	}
	return append(b, encoded...), nil
}

// Decode decodes the payload into *v, in which what the payload does not have keeps its value.
func (Codec) Decode(payload []byte, v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("json: decode %T: %w: want a pointer to the message, not nil", v, codec.ErrType)
	}
	if !utf8.Valid(payload) {
		return fmt.Errorf("json: decode %T: %w: %w", v, codec.ErrPayload, codec.ErrText)
	}
	if tooDeep(payload) {
		return fmt.Errorf("json: decode %T: %w: %w", v, codec.ErrPayload, codec.ErrDepth)
	}
	if err := json.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("json: decode %T: %w: %w", v, codec.ErrPayload, cause(payload, err))
	}
	// Only an object with the key in it, or with an escape that may stand for it, has references.
	if bytes.Contains(payload, []byte(codec.RefKey)) || bytes.Contains(payload, []byte(`\u`)) {
		if err := findRefs(p.Elem(), 0); err != nil {
			return fmt.Errorf("json: decode %T: %w: %w", v, codec.ErrPayload, err)
		}
	}
	return nil
}

// cause names what is wrong with a payload that encoding/json refused.
func cause(payload []byte, err error) error {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	var first json.RawMessage
	if d.Decode(&first) == nil {
		return fmt.Errorf("%w: %w", codec.ErrTrailing, err)
	}
	if syntax.Offset >= int64(len(payload)) {
		return fmt.Errorf("%w: %w", codec.ErrTruncated, err)
	}
	return err
}
