package protobuf_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/protobuf"
)

var c protobuf.Codec

// A number says which of the carried values is meant.
type carrying = protobuf.With[wrapperspb.UInt32Value, *wrapperspb.UInt32Value]

func TestMessagesComeBack(t *testing.T) {
	in, err := structpb.NewStruct(map[string]any{"a": []any{1, "x", nil}, "b": map[string]any{"c": true}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Append([]byte("before"), in)
	if err != nil {
		t.Fatal(err)
	}
	got := &structpb.Struct{Fields: map[string]*structpb.Value{"old": nil}}
	if err := c.Decode(b[len("before"):], got); err != nil || !proto.Equal(got, in) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWithCarriesAListBesideTheMessage(t *testing.T) {
	in := carrying{Carried: []any{"first", "second"}}
	in.Message.Value = 2
	b, err := c.Append(nil, &in)
	if err != nil {
		t.Fatal(err)
	}
	var out carrying
	if err := c.Decode(b, &out); err != nil || out.Message.Value != 2 || out.Carried != nil {
		t.Errorf("%v, %v", &out.Message, err)
	}
	var lister codec.Lister = &in
	if list := lister.CarriedList(); (*list)[out.Message.Value-1] != "second" {
		t.Error(*list)
	}
}

func TestOtherTypesAreRefused(t *testing.T) {
	if err := c.Check(reflect.TypeFor[carrying]()); err != nil {
		t.Error(err)
	}
	if err := c.Check(reflect.TypeFor[structpb.Value]()); err != nil {
		t.Error(err)
	}
	if err := c.Check(reflect.TypeFor[struct{ A int }]()); !errors.Is(err, codec.ErrType) {
		t.Error(err)
	}
	for _, v := range []any{nil, 1, &struct{}{}, (*structpb.Value)(nil), (*carrying)(nil), new(any)} {
		if _, err := c.Append(nil, v); !errors.Is(err, codec.ErrType) {
			t.Errorf("Append(%T): %v", v, err)
		}
		if err := c.Decode(nil, v); !errors.Is(err, codec.ErrType) {
			t.Errorf("Decode(%T): %v", v, err)
		}
	}
	if _, err := c.Append(nil, wrapperspb.String("\xff")); !errors.Is(err, codec.ErrText) {
		t.Error(err)
	}
}

// lists returns a structpb.Value of nested lists.
func lists(depth int) []byte {
	var b []byte
	for range depth {
		inner := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), b) // ListValue.values
		b = protowire.AppendBytes(protowire.AppendTag(nil, 6, protowire.BytesType), inner)  // Value.list_value
	}
	return b
}

var hostile = map[string]struct {
	payload []byte
	cause   error
}{
	"10,000 lists":         {lists(10_000), codec.ErrDepth},
	"groups, deep":         {bytes.Repeat([]byte{0x7b}, 20_000), codec.ErrPayload},
	"a string of 4 GiB":    {[]byte{0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f}, codec.ErrTruncated},
	"bytes of 2^63":        {[]byte{0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, codec.ErrTruncated},
	"a trailing zero":      {[]byte{0x20, 1, 0}, codec.ErrPayload},
	"a cut-off tag":        {[]byte{0x20, 1, 0x80}, codec.ErrTruncated},
	"an end without begin": {[]byte{0x0c}, codec.ErrPayload},
	"a string of no UTF-8": {[]byte{0x1a, 1, 0xff}, codec.ErrText},
	"an endless number":    {bytes.Repeat([]byte{0xff}, 20), codec.ErrPayload},
	"a reserved wire type": {[]byte{0x0f}, codec.ErrPayload},
}

func TestHostilePayloadsAreRefusedByName(t *testing.T) {
	for name, h := range hostile {
		err := c.Decode(h.payload, new(structpb.Value))
		if !errors.Is(err, codec.ErrPayload) || !errors.Is(err, h.cause) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "\x00") {
			t.Errorf("%s: %q", name, err)
		}
	}
	if err := c.Decode(lists(codec.MaxDepth/2-1), new(structpb.Value)); err != nil {
		t.Error(err)
	}
}

// FuzzDecode decodes any bytes. What is accepted is encoded again, and decodes as the same.
func FuzzDecode(f *testing.F) {
	for _, h := range hostile {
		if len(h.payload) < 100 {
			f.Add(h.payload)
		}
	}
	f.Add(lists(3))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, v := range []proto.Message{new(structpb.Value), new(wrapperspb.UInt32Value)} {
			if err := c.Decode(payload, v); err != nil {
				if !errors.Is(err, codec.ErrPayload) {
					t.Error(err)
				}
				continue
			}
			b, err := c.Append(nil, v)
			if err != nil {
				t.Fatalf("decoded, not encoded: %v", err)
			}
			back := v.ProtoReflect().New().Interface()
			if err := c.Decode(b, back); err != nil {
				t.Fatalf("encoded, not decoded: %v", err)
			}
			if again, err := c.Append(nil, back); err != nil || len(again) != len(b) { // the order of maps is open
				t.Fatalf("%x, then %x, %v", b, again, err)
			}
		}
	})
}
