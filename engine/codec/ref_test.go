package codec_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine/codec"
)

func TestARefHasOneFormInEachCodec(t *testing.T) {
	for _, c := range []struct {
		ref           codec.Ref
		msgpack, json string
		xml           string
	}{
		{0, "\xc0", `null`, `<Ref></Ref>`},
		{7, "\xd6\x07\x00\x00\x00\x07", `{"@ref":7}`, `<Ref>7</Ref>`},
		{1<<32 - 1, "\xd6\x07\xff\xff\xff\xff", `{"@ref":4294967295}`, `<Ref>4294967295</Ref>`},
	} {
		b, err := c.ref.MarshalMsg(nil)
		if err != nil || string(b) != c.msgpack || len(b) > c.ref.Msgsize() {
			t.Errorf("%d: MarshalMsg: %x, %v", c.ref, b, err)
		}
		var stream bytes.Buffer
		w := msgp.NewWriter(&stream)
		if err := c.ref.EncodeMsg(w); err != nil || w.Flush() != nil || stream.String() != c.msgpack {
			t.Errorf("%d: EncodeMsg: %x, %v", c.ref, stream.Bytes(), err)
		}
		back := codec.Ref(99)
		if rest, err := back.UnmarshalMsg(append(b, 1, 2)); err != nil || back != c.ref || len(rest) != 2 {
			t.Errorf("%d: UnmarshalMsg: %d, %d left, %v", c.ref, back, len(rest), err)
		}
		back = 99
		if err := back.DecodeMsg(msgp.NewReader(&stream)); err != nil || back != c.ref {
			t.Errorf("%d: DecodeMsg: %d, %v", c.ref, back, err)
		}
		b, err = json.Marshal(c.ref)
		if err != nil || string(b) != c.json {
			t.Errorf("%d: JSON: %s, %v", c.ref, b, err)
		}
		back = 99
		if err := json.Unmarshal(b, &back); err != nil || back != c.ref {
			t.Errorf("%d: from JSON: %d, %v", c.ref, back, err)
		}
		b, err = xml.Marshal(c.ref)
		if err != nil || string(b) != c.xml {
			t.Errorf("%d: XML: %s, %v", c.ref, b, err)
		}
		back = 99
		if err := xml.Unmarshal(b, &back); err != nil || back != c.ref {
			t.Errorf("%d: from XML: %d, %v", c.ref, back, err)
		}
	}
}

func TestOtherFormsOfARefAreRefused(t *testing.T) {
	for _, b := range []string{
		"", "\x07", "\xd6", "\xd6\x07\x00\x00\x00", "\xd6\x07\x00\x00\x00\x00", "\xd6\x08\x00\x00\x00\x01",
		"\xc7\x04\x07\x00\x00\x00\x01", "\xc4\x04\x00\x00\x00\x01", "\xd5\x07\x00\x01",
	} {
		var r codec.Ref
		if _, err := r.UnmarshalMsg([]byte(b)); !errors.Is(err, codec.ErrRef) || r != 0 {
			t.Errorf("msgpack %x: %d, %v", b, r, err)
		}
		if err := r.DecodeMsg(msgp.NewReader(bytes.NewReader([]byte(b)))); !errors.Is(err, codec.ErrRef) || r != 0 {
			t.Errorf("msgpack stream %x: %d, %v", b, r, err)
		}
	}
	for _, b := range []string{
		`7`, `"7"`, `{}`, `[]`, `{"@ref":0}`, `{"@ref":-1}`, `{"@ref":1.5}`, `{"@ref":"7"}`, `{"@ref":4294967296}`,
		`{"@ref":null}`, `{"@ref":7,"x":1}`, `{"x":7}`,
	} {
		var r codec.Ref
		if err := json.Unmarshal([]byte(b), &r); !errors.Is(err, codec.ErrRef) || r != 0 {
			t.Errorf("JSON %s: %d, %v", b, r, err)
		}
	}
	for _, b := range []string{"0", "-1", "+1", "07", "1.5", "x", "4294967296", " 7", "7 "} {
		var r codec.Ref
		if err := r.UnmarshalText([]byte(b)); !errors.Is(err, codec.ErrRef) || r != 0 {
			t.Errorf("text %q: %d, %v", b, r, err)
		}
	}
}
