package gentest

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/msgpack"
)

// seeds is how many messages of each type are tried.
const seeds = 12

// prefixes is at how many places each message is cut off, about.
const prefixes = 60

// encode calls the generated methods of *T; a T is an engine.Message or an engine.Packer.
func encode(v any) ([]byte, error) {
	switch m := v.(type) {
	case engine.Packer:
		return m.Pack(nil, new(engine.Cargo))
	case engine.Message:
		return m.MarshalMsg(nil)
	}
	return nil, fmt.Errorf("%T has no generated methods: run corechan gen", v)
}

func decode(b []byte, v any) ([]byte, error) {
	if m, ok := v.(engine.Packer); ok {
		return m.Unpack(b, new(engine.Cargo))
	}
	return v.(engine.Message).UnmarshalMsg(b)
}

// RoundTrip tests the generated methods of *T: what is encoded comes back, is no larger than its Msgsize, and is not taken for whole when
// it is cut off; fields that are not known are passed over.
func RoundTrip[T any](t *testing.T) {
	t.Helper()
	for seed := range uint64(seeds) {
		in, out := new(T), new(T)
		Fill(in, seed)
		b, err := encode(in)
		if err != nil {
			t.Fatalf("seed %d: encode: %v", seed, err)
		}
		if err := msgpack.Valid(b); err != nil {
			t.Fatalf("seed %d: what was encoded is not one MessagePack value: %v", seed, err)
		}
		if m, ok := any(in).(msgp.Sizer); ok && len(b) > m.Msgsize() {
			t.Errorf("seed %d: %d bytes, and Msgsize says %d", seed, len(b), m.Msgsize())
		}
		check := func(b []byte, how string) {
			rest, err := decode(b, out)
			if err != nil || len(rest) != 0 {
				t.Fatalf("seed %d: decode %s: %v, %d bytes left", seed, how, err, len(rest))
			}
			if d := Difference(in, out); d != "" {
				t.Fatalf("seed %d: decoded %s, there is a difference at %s", seed, how, d)
			}
		}
		check(b, "what was encoded")
		if m, ok := any(in).(engine.Tailed[T]); ok {
			head, tail, err := m.MarshalHead(nil)
			if err != nil {
				t.Fatalf("seed %d: encode the head: %v", seed, err)
			}
			*out = *new(T)
			check(slices.Concat(head, tail), "a head and its tail")
			if _, field := m.TailMsg(in); !bytes.Equal(*field, tail) {
				t.Errorf("seed %d: TailMsg returns a field of %d bytes, the tail has %d", seed, len(*field), len(tail))
			}
		}
		if more := withUnknown(b); more != nil && reflect.TypeFor[T]().Kind() == reflect.Struct {
			*out = *new(T)
			check(more, "with a field that is not known")
		}
		for n := 0; n < len(b); n += 1 + len(b)/prefixes {
			if rest, err := decode(b[:n], new(T)); err == nil {
				t.Fatalf("seed %d: the first %d of %d bytes are taken for whole, with %d left", seed, n, len(b), len(rest))
			}
		}
	}
}

// withUnknown returns a payload that is a struct's map with one field more, nil if it is none.
func withUnknown(b []byte) []byte {
	n, rest, err := msgp.ReadMapHeaderBytes(b)
	if err != nil || n == 0 {
		return nil
	}
	if _, _, err := msgp.ReadStringBytes(rest); err != nil {
		return nil
	}
	more := msgp.AppendMapHeader(nil, n+1)
	more = msgp.AppendString(more, "not known\x00")
	more, _ = msgp.AppendIntf(more, map[string]any{"a": []any{1, "b", nil}})
	return append(more, rest...)
}

// Fuzz fuzzes the generated decoder of *T. What it takes must be encoded again, to the same.
func Fuzz[T any](f *testing.F) {
	f.Helper()
	for seed := range uint64(4) {
		v := new(T)
		Fill(v, seed)
		b, err := encode(v)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 2048 { // the fuzzer is slow with long ones
			f.Add(b)
		}
	}
	for _, b := range Hostile() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { Decode[T](t, b) })
}

// Decode decodes bytes of any origin as a T, and checks what fuzzing checks.
func Decode[T any](t *testing.T, b []byte) {
	t.Helper()
	v := new(T)
	rest, err := decode(b, v)
	if err != nil {
		return
	}
	if len(rest) > len(b) {
		t.Fatalf("%d bytes left of %d", len(rest), len(b))
	}
	again, err := encode(v)
	if err != nil {
		return // what an any holds cannot always be encoded
	}
	w := new(T)
	if rest, err := decode(again, w); err != nil || len(rest) != 0 {
		t.Fatalf("what was decoded and encoded again cannot be decoded: %v, %d bytes left", err, len(rest))
	}
	last, err := encode(w)
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := canonical(again)
	if err != nil {
		t.Fatal(err)
	}
	if z, _, err := canonical(last); err != nil || !bytes.Equal(a, z) {
		t.Fatalf("encoded, decoded and encoded again, it differs: %v\n%x\n%x", err, a, z)
	}
}

// Hostile returns payloads that announce what they do not have, are deeply nested, or are of no type that anybody expects.
func Hostile() [][]byte {
	deep := bytes.Repeat([]byte{0x91}, 3*codec.MaxDepth)
	maps := bytes.Repeat([]byte{0x81, 0xa1, 'x'}, 3*codec.MaxDepth)
	return [][]byte{
		{},
		{0xc1},
		{0xc0},
		{0x80},
		{0x90},
		{0xd6, 7, 0, 0, 0, 1},
		{0xdd, 0xff, 0xff, 0xff, 0xff},
		{0xdf, 0xff, 0xff, 0xff, 0xff},
		{0xc6, 0xff, 0xff, 0xff, 0xff},
		{0xdb, 0xff, 0xff, 0xff, 0xff},
		{0xc9, 0xff, 0xff, 0xff, 0xff, 7},
		{0xde, 0xff, 0xff},
		{0xdc, 0xff, 0xff},
		deep, maps, append(deep, 0xc0),
	}
}
