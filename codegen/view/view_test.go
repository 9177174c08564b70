package view_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/codegen/view"
	"github.com/corechan/corechan/engine/codec"
)

// message has one value of each form in front of what is looked for.
func message(t testing.TB, last func([]byte) []byte) []byte {
	t.Helper()
	values := []any{
		nil, true, int64(-1), int64(1 << 40), uint64(200), 1.5, float32(2), "s", string(make([]byte, 40)), string(make([]byte, 300)),
		string(make([]byte, 70000)), make([]byte, 3), make([]byte, 300), make([]byte, 70000),
		[]any{int64(1), []any{"x"}},
		make([]any, 20), make([]any, 70000),
		map[string]any{"a": []any{map[string]any{}}},
		&msgp.RawExtension{Type: 7, Data: make([]byte, 4)},
		&msgp.RawExtension{Type: 9, Data: make([]byte, 5)}, &msgp.RawExtension{Type: 9, Data: make([]byte, 300)},
	}
	b := msgp.AppendMapHeader(nil, uint32(len(values)+1))
	for i, v := range values {
		var err error
		b = msgp.AppendString(b, string(rune('a'+i)))
		if b, err = msgp.AppendIntf(b, v); err != nil {
			t.Fatal(err)
		}
	}
	return last(msgp.AppendString(b, "last"))
}

func TestAFieldIsFoundBehindValuesOfAllForms(t *testing.T) {
	b := message(t, func(b []byte) []byte { return msgp.AppendInt(b, 42) })
	f, err := view.Field(b, "\xa4last")
	if err != nil {
		t.Fatal(err)
	}
	if n, rest, err := msgp.ReadIntBytes(f); n != 42 || err != nil || len(rest) != 0 {
		t.Errorf("%d, %v", n, err)
	}
	if f, err := view.Field(b, "\xa4none"); f != nil || err != nil {
		t.Errorf("a field that is not there: %x, %v", f, err)
	}
	for n := range 200 {
		if f, err := view.Field(b[:n], "\xa4last"); f != nil || !errors.Is(err, codec.ErrPayload) {
			t.Fatalf("of %d bytes: %x, %v", n, f, err)
		}
	}
}

func TestElementsOfATuple(t *testing.T) {
	b := msgp.AppendArrayHeader(nil, 3)
	b = msgp.AppendString(b, "x")
	b = msgp.AppendMapHeader(b, 1)
	b = msgp.AppendInt(msgp.AppendString(b, "k"), 1)
	b = msgp.AppendInt(b, 7)
	f, err := view.Element(b, 2)
	if n, _, e := msgp.ReadIntBytes(f); n != 7 || err != nil || e != nil {
		t.Errorf("%d, %v, %v", n, err, e)
	}
	if f, err := view.Element(b, 3); f != nil || err != nil {
		t.Errorf("an element that is not there: %x, %v", f, err)
	}
	if _, err := view.Element([]byte{0x80}, 0); !errors.Is(err, codec.ErrPayload) {
		t.Errorf("a map: %v", err)
	}
}

func TestListsAreReadOneByOne(t *testing.T) {
	b := []byte{0x93, 0x01, 0x92, 0x02, 0x03, 0x04}
	var got [][]byte
	for v, err := range view.List("L", b, nil, func(b []byte) []byte { return b }) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	if len(got) != 3 || !bytes.Equal(got[1], b[2:]) {
		t.Errorf("%x", got)
	}
	var last error
	for _, err := range view.List("L", b[:4], nil, func(b []byte) []byte { return b }) {
		last = err
	}
	if !errors.Is(last, codec.ErrTruncated) {
		t.Error(last)
	}
}

func FuzzFields(f *testing.F) {
	f.Add(message(f, func(b []byte) []byte { return msgp.AppendInt(b, 42) })[:100])
	for _, b := range [][]byte{{0xdf, 0xff, 0xff, 0xff, 0xff}, {0x81, 0xa1, 'x', 0xdd, 0xff, 0xff, 0xff, 0xff}, {0x81, 0xc1}, {0xc0}, {}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// What is found by passing values over is what the library finds that decodes them.
		found, err := view.Field(b, "\xa1x")
		if err != nil || found == nil {
			return
		}
		n, rest, err := msgp.ReadMapHeaderBytes(b)
		for ; err == nil && n > 0; n-- {
			if bytes.HasPrefix(rest, []byte("\xa1x")) {
				if !bytes.Equal(rest[2:], found) {
					t.Fatalf("%x, and not %x", found, rest[2:])
				}
				return
			}
			for range 2 {
				if err == nil {
					rest, err = msgp.Skip(rest)
				}
			}
		}
		if err != nil && !errors.Is(err, msgp.ErrRecursion) {
			t.Fatalf("found %x, where the message has none: %v", found, err)
		}
	})
}
