package msgpack_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/msgpack"
)

var c msgpack.Codec

// bare has no methods; those of inner remain, and bareDeep has none of these either.
type bare Generated

func example() Generated {
	n := -300
	return Generated{
		Bool: true, Int: -5, Int8: -128, Uint: math.MaxUint64, Uint16: 300, Float32: 1.5, Float64: math.Pi,
		Complex64: 1 + 2i, Complex128: 3 - 4i, String: "text", Bytes: []byte("bin"), Fixed: [4]byte{1, 2, 3, 4},
		Array: [2]int{1 << 20, -1 << 40}, Time: time.Unix(1<<33, 999), Duration: time.Hour, Ref: 7, Refs: []codec.Ref{1, 0, 1 << 31},
		Ints: []int{1, 200, 70000}, Map: map[string]int{"k": 1}, Pointer: &n,
		Any: map[string]any{"list": []any{int64(1), "s", []byte("b"), nil, 2.5, true}}, AnyRef: codec.Ref(9),
		Inner: Inner{1, "x"}, Inners: []Inner{{2, "y"}, {3, ""}}, Embedded: Embedded{4}, Flat: Flat{5, "g"}, Kept: 6,
	}
}

func TestReflectionAndGeneratedMethodsWriteTheSame(t *testing.T) {
	for name, g := range map[string]Generated{"full": example(), "zero": {}} {
		want, err := g.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		b := bare(g)
		got, err := c.Append([]byte("before"), &b)
		if err != nil {
			t.Fatal(err)
		}
		got = got[len("before"):]
		if !bytes.Equal(got, want) {
			t.Errorf("%s: reflected\n%x, generated\n%x", name, got, want)
		}
		var back bare
		if err := c.Decode(want, &back); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := c.Append(nil, &back)
		if err != nil || !bytes.Equal(again, want) {
			t.Errorf("%s: decoded by reflection and encoded again: %x, %v", name, again, err)
		}
		var forth Generated
		if rest, err := forth.UnmarshalMsg(got); err != nil || len(rest) != 0 {
			t.Errorf("%s: generated code on reflected bytes: %v", name, err)
		}
		var own Generated
		if err := c.Decode(got, &own); err != nil || own.String != g.String {
			t.Errorf("%s: a type with methods: %v", name, err)
		}
	}
}

func TestAnyComesBack(t *testing.T) {
	now := time.Now()
	for _, x := range []struct{ in, want any }{
		{nil, nil},
		{true, true},
		{5, int64(5)},
		{int8(-5), int64(-5)},
		{uint64(5), int64(5)}, // one form for both
		{uint8(200), uint64(200)},
		{uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{float32(1.5), 1.5},
		{2.5, 2.5},
		{"s", "s"},
		{"\xff", "\xff"},
		{[]byte("b"), []byte("b")},
		{codec.Ref(7), codec.Ref(7)},
		{codec.Ref(0), nil},
		{1 + 2i, 1 + 2i},
		{[]int{1}, []any{int64(1)}},
		{[]any{codec.Ref(1), nil}, []any{codec.Ref(1), nil}},
		{map[string]codec.Ref{"a": 1}, map[string]any{"a": codec.Ref(1)}},
		{map[string]any{"a": []any{}}, map[string]any{"a": []any{}}},
		{Inner{1, "b"}, map[string]any{"a": int64(1), "b": "b"}},
		{&Inner{1, "b"}, map[string]any{"a": int64(1), "b": "b"}},
		{(*Inner)(nil), nil},
		{struct{ X int }{1}, map[string]any{"X": int64(1)}},
		{&msgp.RawExtension{Type: 42, Data: []byte{1, 2, 3}}, &msgp.RawExtension{Type: 42, Data: []byte{1, 2, 3}}},
		{msgp.RawExtension{Type: -5, Data: []byte{}}, &msgp.RawExtension{Type: -5, Data: []byte{}}},
		{netip.MustParseAddr("::1"), append(make([]byte, 15), 1)},
		{now, now},
	} {
		b, err := c.Append(nil, &x.in)
		if err != nil {
			t.Errorf("%T %v: %v", x.in, x.in, err)
			continue
		}
		var got any = "what was there before"
		err = c.Decode(b, &got)
		if at, ok := got.(time.Time); ok && at.Equal(now) {
			continue
		}
		if err != nil || !reflect.DeepEqual(got, x.want) {
			t.Errorf("%T %v: got %T %v, %v", x.in, x.in, got, got, err)
		}
	}
}

func TestTypesComeBack(t *testing.T) {
	type node struct {
		Value int
		Next  *node
		Kids  map[int]*node
	}
	u, _ := url.Parse("http://host/path")
	for _, in := range []any{
		&node{1, &node{2, nil, map[int]*node{3: {Value: 4}}}, nil},
		&map[bool][]string{true: {"a", ""}, false: nil},
		&struct {
			A netip.Addr
			U *url.URL
			L struct{ T netip.Prefix }
		}{netip.MustParseAddr("1.2.3.4"), u, struct{ T netip.Prefix }{netip.MustParsePrefix("10.0.0.0/8")}},
		new(**int),
		&[][2]map[string]any{{{"x": "y"}, nil}},
		&struct{}{},
		new(codec.Ref),
		&[]struct{}{{}, {}},
	} {
		b, err := c.Append(nil, in)
		if err != nil {
			t.Errorf("%T: %v", in, err)
			continue
		}
		out := reflect.New(reflect.TypeOf(in).Elem())
		if err := c.Decode(b, out.Interface()); err != nil {
			t.Errorf("%T: %v", in, err)
		}
		again, err := c.Append(nil, out.Interface())
		if err != nil || len(again) != len(b) {
			t.Errorf("%T: %x, then %x, %v", in, b, again, err)
		}
	}
}

func TestTheSpecificationsTimestampsAreRead(t *testing.T) {
	for _, want := range []time.Time{time.Unix(1, 0), time.Unix(1<<33, 5), time.Unix(-1, 1)} {
		b := msgp.AppendTimeExt(nil, want)
		var got time.Time
		if err := c.Decode(b, &got); err != nil || !got.Equal(want) {
			t.Errorf("%x: %v, %v", b, got, err)
		}
		var any any
		if err := c.Decode(b, &any); err != nil || !any.(time.Time).Equal(want) {
			t.Errorf("%x: %v, %v", b, any, err)
		}
	}
}

func TestTypesWithoutAFormAreRefusedByName(t *testing.T) {
	type loop *loop
	for want, v := range map[string]any{
		".F: msgpack has no form for func()": &struct{ F func() }{},
		".C: msgpack has no form for chan":   &struct{ C chan int }{},
		".R: nothing says what type":         &struct{ R io.Reader }{},
		"keys must be strings":               &map[any]int{},
		"points to itself":                   new(loop),
		`two fields "a"`: &struct {
			A int `msg:"a"`
			B int `msg:"a"`
		}{},
		"only a struct can be flattened": &struct {
			*inner2 `msg:",flatten"`
		}{},
	} {
		if err := c.Check(reflect.TypeOf(v).Elem()); !errors.Is(err, codec.ErrType) || !strings.Contains(err.Error(), want) {
			t.Errorf("Check(%T): %v", v, err)
		}
		if _, err := c.Append(nil, v); !errors.Is(err, codec.ErrType) {
			t.Errorf("Append(%T): %v", v, err)
		}
		if err := c.Decode([]byte{0x80}, v); !errors.Is(err, codec.ErrType) {
			t.Errorf("Decode(%T): %v", v, err)
		}
		inside := reflect.ValueOf(v).Elem().Interface()
		if _, isLoop := inside.(loop); isLoop {
			continue // nil
		}
		if _, err := c.Append(nil, &inside); !errors.Is(err, codec.ErrType) {
			t.Errorf("Append(any of %T): %v", inside, err)
		}
	}
	for _, v := range []any{nil, 5, (*int)(nil), Inner{}} {
		if _, err := c.Append(nil, v); !errors.Is(err, codec.ErrType) {
			t.Errorf("Append(%T): %v", v, err)
		}
		if err := c.Decode([]byte{1}, v); !errors.Is(err, codec.ErrType) {
			t.Errorf("Decode(%T): %v", v, err)
		}
	}
}

func TestAMessageThatContainsItselfIsRefused(t *testing.T) {
	type node struct{ Next *node }
	n := &node{}
	n.Next = n
	m := map[string]any{}
	m["m"] = m
	l := []any{nil}
	l[0] = l
	var p any
	p = &p
	for _, v := range []any{n, &m, &l, &p} {
		if _, err := c.Append(nil, v); !errors.Is(err, codec.ErrDepth) {
			t.Errorf("%T: %v", v, err)
		}
	}
}

func nested(depth int) []byte { return append(bytes.Repeat([]byte{0x91}, depth), 0xc0) }

var hostile = map[string]struct {
	payload []byte
	cause   error
}{
	"nothing":                  {nil, codec.ErrTruncated},
	"10,000 arrays":            {nested(10_000), codec.ErrDepth},
	"one array too many":       {nested(codec.MaxDepth + 1), codec.ErrDepth},
	"an empty one too many":    {append(bytes.Repeat([]byte{0x91}, codec.MaxDepth), 0x90), codec.ErrDepth},
	"maps, deep":               {bytes.Repeat([]byte{0x81, 0xa0}, 10_000), codec.ErrDepth},
	"an array of 4 GiB":        {[]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, codec.ErrTruncated},
	"and with bytes":           {append([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, make([]byte, 100)...), codec.ErrTruncated},
	"a map of 4 GiB":           {[]byte{0xdf, 0xff, 0xff, 0xff, 0xff, 1}, codec.ErrTruncated},
	"a map that lacks a value": {[]byte{0x82, 0xa0, 0xc0, 0xa0}, codec.ErrTruncated},
	"bytes of 4 GiB":           {[]byte{0xc6, 0xff, 0xff, 0xff, 0xff}, codec.ErrTruncated},
	"a string of 4 GiB":        {[]byte{0xdb, 0xff, 0xff, 0xff, 0xff, 'x'}, codec.ErrTruncated},
	"an extension of 4 GiB":    {[]byte{0xc9, 0xff, 0xff, 0xff, 0xff, 7}, codec.ErrTruncated},
	"an extension of no type":  {[]byte{0xc7, 0}, codec.ErrTruncated},
	"a second value":           {[]byte{0xc0, 0xc0}, codec.ErrTrailing},
	"a byte of no value":       {[]byte{0xc1}, codec.ErrPayload},
	"the same, inside":         {[]byte{0x92, 0xc0, 0xc1}, codec.ErrPayload},
	"a Ref of 2 bytes":         {[]byte{0xd5, 7, 0, 1}, codec.ErrRef},
	"a Ref of ext8":            {[]byte{0xc7, 4, 7, 0, 0, 0, 1}, codec.ErrRef},
	"a Ref of 0":               {[]byte{0xd6, 7, 0, 0, 0, 0}, codec.ErrRef},
	"a time of 4 bytes":        {[]byte{0xd6, 5, 0, 0, 0, 0}, codec.ErrPayload},
	"a time of 10 s of ns":     {[]byte{0xd7, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, codec.ErrPayload},
	"an integer as key":        {[]byte{0x81, 1, 1}, codec.ErrPayload},
}

func TestHostilePayloadsAreRefusedByName(t *testing.T) {
	for name, h := range hostile {
		var x any
		if err := c.Decode(h.payload, &x); !errors.Is(err, codec.ErrPayload) || !errors.Is(err, h.cause) {
			t.Errorf("%s: any: %v", name, err)
		}
		for _, v := range []any{new(bare), new(Generated), new([]int), new(map[string]Inner), new(time.Time), new(codec.Ref)} {
			err := c.Decode(h.payload, v)
			if !errors.Is(err, codec.ErrPayload) {
				t.Errorf("%s: %T: %v", name, v, err)
			}
			if len(err.Error()) > 400 {
				t.Errorf("%s: %T: an error of %d bytes: %v", name, v, len(err.Error()), err)
			}
		}
	}
	if err := msgpack.Valid(nested(codec.MaxDepth)); err != nil {
		t.Error(err)
	}
}

func TestATruncatedPayloadIsRefusedAtEveryByte(t *testing.T) {
	e := example()
	b := bare(e)
	payload, err := c.Append(nil, &b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range payload {
		if err := c.Decode(payload[:i], new(bare)); !errors.Is(err, codec.ErrTruncated) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
	if err := c.Decode(append(payload, 0), new(bare)); !errors.Is(err, codec.ErrTrailing) {
		t.Error(err)
	}
}

func TestValuesThatDoNotFitAreRefused(t *testing.T) {
	for _, x := range []struct {
		from any
		into any
	}{
		{300, new(uint8)},
		{300, new(int8)},
		{-1, new(uint)},
		{"s", new(int)},
		{1, new(string)},
		{"s", new([]byte)},
		{[]byte("s"), new(string)},
		{1.5, new(int)},
		{1.5, new(float32)},
		{[]any{1}, new([2]int)},
		{[]byte{1}, new([2]byte)},
		{[]byte{1}, new(codec.Ref)},
		{[]any{1}, new(Inner)},
		{"x", new(netip.Addr)},
		{[]byte{1, 2, 3}, new(netip.Addr)},
	} {
		b, err := c.Append(nil, &x.from)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Decode(b, x.into); !errors.Is(err, codec.ErrPayload) {
			t.Errorf("%v into %T: %v", x.from, x.into, err)
		}
	}
}

func TestDecodeKeepsNothingOfThePayload(t *testing.T) {
	e := example()
	b := bare(e)
	payload, _ := c.Append(nil, &b)
	var got bare
	if err := c.Decode(payload, &got); err != nil || got.hidden != 0 {
		t.Fatal(err)
	}
	want, _ := c.Append(nil, &got)
	for i := range payload {
		payload[i] = 0xff
	}
	if again, _ := c.Append(nil, &got); !bytes.Equal(again, want) {
		t.Error("the message changed with the payload's memory")
	}
}

func TestConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			type fresh struct {
				A []bare
				B map[string]*bare
			}
			e := bare(example())
			in := fresh{A: []bare{e}, B: map[string]*bare{"x": &e}}
			b, err := c.Append(nil, &in)
			if err != nil {
				t.Error(err)
			}
			if err := c.Decode(b, new(fresh)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// FuzzDecode decodes any bytes as several types. What is accepted is encoded again, decodes as the same, and takes no more
// memory than its length allows.
func FuzzDecode(f *testing.F) {
	for _, h := range hostile {
		if len(h.payload) < 100 {
			f.Add(h.payload)
		}
	}
	e := bare(example())
	payload, _ := c.Append(nil, &e)
	f.Add(payload)
	f.Add(binary.BigEndian.AppendUint32([]byte{0xdd}, 1))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, v := range []any{new(any), new(bare), new(Generated), new(map[string][]codec.Ref), new(*netip.Addr)} {
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
			second, err := c.Append(nil, back)
			if err != nil || len(second) != len(first) { // the order of maps is open
				t.Fatalf("%T: %x, then %x, %v", v, first, second, err)
			}
		}
	})
}
