package json_test

import (
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/json"
)

var c json.Codec

type message struct {
	Name  string    `json:"name"`
	Ref   codec.Ref `json:"ref"`
	Refs  []codec.Ref
	Any   any
	Map   map[string]any
	Inner *message `json:",omitempty"`
	Bytes []byte
	Float float64
	base
}

type base struct{ Base any }

func example() message {
	return message{
		Name: "x\ufffd<é>", Ref: 7, Refs: []codec.Ref{1, 0, math.MaxUint32},
		Any:   []any{codec.Ref(3), map[string]any{"a": codec.Ref(4), "b": map[string]any{}}, nil, 1.5},
		Map:   map[string]any{"r": codec.Ref(5), "two": map[string]any{"@ref": "text", "x": codec.Ref(1)}},
		Inner: &message{Any: codec.Ref(6)}, Bytes: []byte{0, 255}, Float: -0.1, base: base{codec.Ref(8)},
	}
}

func TestMessagesComeBackWithTheirRefs(t *testing.T) {
	e := example()
	b, err := c.Append([]byte("before"), &e)
	if err != nil {
		t.Fatal(err)
	}
	var got message
	if err := c.Decode(b[len("before"):], &got); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("got  %+v\nwant %+v\n%v", got, e, err)
	}
	for in, want := range map[string]any{
		`{"@ref":7}`:         codec.Ref(7),
		`{"\u0040ref":7}`:    codec.Ref(7),
		`[{"@ref":7}]`:       []any{codec.Ref(7)},
		`{"@ref":7,"x":1}`:   map[string]any{"@ref": 7., "x": 1.},
		`{"@ref":"7"}`:       map[string]any{"@ref": "7"},
		"\t null \n":         nil,
		`{"x":{"@ref":1e2}}`: map[string]any{"x": codec.Ref(100)},
	} {
		var got any = 1
		if err := c.Decode([]byte(in), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
}

var hostile = map[string]struct {
	payload string
	cause   error
}{
	"nothing":              {"", codec.ErrTruncated},
	"10,000 arrays":        {strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), codec.ErrDepth},
	"10,000 beginnings":    {strings.Repeat("[", 10_000), codec.ErrDepth},
	"10,000 objects":       {strings.Repeat(`{"a":`, 10_000), codec.ErrDepth},
	"a second value":       {"null null", codec.ErrTrailing},
	"a byte too many":      {"[]x", codec.ErrTrailing},
	"no UTF-8":             {"\"\xff\"", codec.ErrText},
	"no JSON":              {"hello", codec.ErrPayload},
	"an open string":       {`"a`, codec.ErrTruncated},
	"a Ref of 0":           {`{"@ref":0}`, codec.ErrRef},
	"a Ref of a half":      {`{"@ref":0.5}`, codec.ErrRef},
	"a Ref that is large":  {`[{"@ref":4294967296}]`, codec.ErrRef},
	"a number that is not": {"1e999", codec.ErrPayload},
}

func TestHostilePayloadsAreRefusedByName(t *testing.T) {
	for name, h := range hostile {
		var x any
		if err := c.Decode([]byte(h.payload), &x); !errors.Is(err, codec.ErrPayload) || !errors.Is(err, h.cause) {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Decode([]byte(h.payload), new(chan int)); err == nil {
			t.Errorf("%s: decoded into a channel", name)
		}
	}
	deep := strings.Repeat("[", codec.MaxDepth) + strings.Repeat("]", codec.MaxDepth)
	var x any
	if err := c.Decode([]byte(deep), &x); err != nil {
		t.Error(err)
	}
	if err := c.Decode([]byte(`"`+strings.Repeat(`[\"`, 5000)+`"`), &x); err != nil {
		t.Error(err)
	}
}

func TestATruncatedPayloadIsRefusedAtEveryByte(t *testing.T) {
	e := example()
	b, _ := c.Append(nil, &e)
	for i := range b {
		if err := c.Decode(b[:i], new(message)); !errors.Is(err, codec.ErrPayload) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
}

func TestWhatWouldNotComeBackIsNotEncoded(t *testing.T) {
	loop := map[string]any{}
	loop["x"] = loop
	var deep any
	for range codec.MaxDepth + 1 {
		deep = []any{deep}
	}
	bad, nan, reader := "\xff", math.NaN(), struct{ F func() }{}
	for _, x := range []struct {
		v    any
		want error
	}{
		{&bad, codec.ErrText},
		{&loop, codec.ErrDepth},
		{&deep, codec.ErrDepth},
		{&nan, codec.ErrType},
		{&reader, codec.ErrType},
		{nil, codec.ErrType},
		{(*int)(nil), codec.ErrType},
		{1, codec.ErrType},
	} {
		if _, err := c.Append(nil, x.v); !errors.Is(err, x.want) {
			t.Errorf("%T: %v", x.v, err)
		}
	}
	for _, v := range []any{nil, 1, (*int)(nil)} {
		if err := c.Decode([]byte("1"), v); !errors.Is(err, codec.ErrType) {
			t.Errorf("%T: %v", v, err)
		}
	}
	for _, s := range []string{"\ufffd", `\ufffd`, `\\ufffd`} {
		if b, err := c.Append(nil, &s); err != nil {
			t.Errorf("%q: %s, %v", s, b, err)
		}
	}
}

// What an any holds before, the decoder may decode into: an unexported embedded interface it does not touch.
func TestAnysOfAllKindsAreSearched(t *testing.T) {
	type reader interface{ io.Reader }
	type odd struct {
		reader
		Held  any
		List  []any
		Typed map[string]*struct{ A any }
		Fixed [1]any
	}
	held := &base{}
	got := odd{Held: held}
	err := c.Decode([]byte(`{"Held":{"Base":{"@ref":1}},"List":[{"@ref":2}],"Typed":{"x":{"A":{"@ref":3}}},"Fixed":[{"@ref":4}]}`), &got)
	if err != nil || held.Base != codec.Ref(1) || got.List[0] != codec.Ref(2) || got.Typed["x"].A != codec.Ref(3) || got.Fixed[0] != codec.Ref(4) {
		t.Errorf("%+v, %v, %v", got, held, err)
	}
}

// FuzzDecode decodes any bytes. What is accepted is encoded again, and decodes as the same.
func FuzzDecode(f *testing.F) {
	for _, h := range hostile {
		if len(h.payload) < 100 {
			f.Add([]byte(h.payload))
		}
	}
	e := example()
	b, _ := c.Append(nil, &e)
	f.Add(b)
	f.Add([]byte(`{"Map":{"a":"\ud800"}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, v := range []any{new(any), new(message)} {
			if err := c.Decode(payload, v); err != nil {
				if !errors.Is(err, codec.ErrPayload) {
					t.Errorf("%T: %v", v, err)
				}
				continue
			}
			first, err := c.Append(nil, v)
			if err != nil {
				t.Fatalf("%T: decoded, not encoded: %v", v, err)
			}
			back := reflect.New(reflect.TypeOf(v).Elem()).Interface()
			if err := c.Decode(first, back); err != nil {
				t.Fatalf("%T: encoded, not decoded: %v", v, err)
			}
			if second, err := c.Append(nil, back); err != nil || string(second) != string(first) {
				t.Fatalf("%T: %s, then %s, %v", v, first, second, err)
			}
		}
	})
}
