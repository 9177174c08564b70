package carry_test

import (
	"io"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/corechan/corechan/engine/codec"
)

// fields is a message that every codec can hold; anys is one that msgpack and JSON can.
type fields struct {
	Name    string
	End     fakeEnd
	Reader  io.Reader
	Ends    []fakeEnd
	Readers []pair[string, io.Reader]
	Inner   *fields2
	Beneath
}

// Beneath is embedded. Its fields' names are no others', also without regard to case.
type Beneath struct {
	Low  fakeEnd
	Word string
}

type fields2 struct {
	End  *fakeEnd
	Deep []*pair[int, *fakeEnd]
}

type anys struct {
	fields `msg:",flatten"`
	Any    any
	Map    map[string]any
	Typed  map[string]pair[fakeEnd, any]
	Array  [2]any
}

var text = rapid.StringMatching(`[a-z]{0,5}`)

func genEnd() *rapid.Generator[fakeEnd] {
	return rapid.Custom(func(t *rapid.T) fakeEnd {
		if rapid.Bool().Draw(t, "end") {
			return newEnd()
		}
		return fakeEnd{}
	})
}

func genReader() *rapid.Generator[io.Reader] {
	return rapid.Custom(func(t *rapid.T) io.Reader {
		if rapid.Bool().Draw(t, "reader") {
			return strings.NewReader(text.Draw(t, "content"))
		}
		return nil
	})
}

func genFields(t *rapid.T) fields {
	f := fields{
		Name: text.Draw(t, "name"), End: genEnd().Draw(t, "End"), Reader: genReader().Draw(t, "Reader"),
		Beneath: Beneath{genEnd().Draw(t, "base"), text.Draw(t, "basename")},
	}
	// An empty slice arrives as nil in XML and msgpack.
	if n := rapid.IntRange(0, 4).Draw(t, "ends"); n > 0 {
		f.Ends = rapid.SliceOfN(genEnd(), n, n).Draw(t, "Ends")
	}
	for range rapid.IntRange(0, 3).Draw(t, "readers") {
		f.Readers = append(f.Readers, pair[string, io.Reader]{text.Draw(t, "first"), genReader().Draw(t, "second")})
	}
	if rapid.Bool().Draw(t, "inner") {
		end := newEnd()
		f.Inner = &fields2{End: &end}
		for range rapid.IntRange(0, 3).Draw(t, "deep") {
			e := newEnd()
			f.Inner.Deep = append(f.Inner.Deep, &pair[int, *fakeEnd]{1, &e})
		}
	}
	return f
}

// genTree makes what a codec decodes into an any, with carried values in it.
func genTree(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 5
		if depth > 0 {
			kinds = 7
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return text.Draw(t, "text")
		case 2:
			return rapid.Float64Range(-1e9, 1e9).Draw(t, "number")
		case 3:
			return newEnd()
		case 4:
			return strings.NewReader(text.Draw(t, "reader"))
		case 5:
			return rapid.SliceOfN(genTree(depth-1), 0, 4).Draw(t, "list")
		}
		return rapid.MapOfN(text, genTree(depth-1), 0, 4).Draw(t, "map")
	})
}

func TestPropertyOutAndInAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := genFields(t)
		for _, c := range codecs {
			if got, _, err := trip(c, plan(t, &f), &f); err != nil || !reflect.DeepEqual(got, &f) {
				t.Fatalf("%s: %+v instead of %+v, %v", c.Name(), got, f, err)
			}
		}
		a := anys{
			fields: f, Any: genTree(3).Draw(t, "any"),
			Map:   map[string]any{"": genTree(2).Draw(t, "value")},
			Typed: map[string]pair[fakeEnd, any]{"k": {genEnd().Draw(t, "typed"), genTree(1).Draw(t, "typed any")}},
			Array: [2]any{genTree(1).Draw(t, "0"), genTree(1).Draw(t, "1")},
		}
		for _, c := range codecs[:2] {
			if got, _, err := trip(c, plan(t, &a), &a); err != nil || !reflect.DeepEqual(got, &a) {
				t.Fatalf("%s: %+v instead of %+v, %v", c.Name(), got, a, err)
			}
		}
	})
}

// FuzzIn gives any bytes to the codecs, and what they accept to In: it resolves Refs that the table has, returns resolve's
// error for others, and never panics.
func FuzzIn(f *testing.F) {
	m := anys{fields: fields{End: newEnd(), Inner: &fields2{}}, Any: []any{newEnd(), map[string]any{"a": newEnd()}}}
	p := plan(f, &m)
	for i, c := range codecs[:2] {
		shadow, err := p.Out(&m, new(registry).bind)
		if err != nil {
			f.Fatal(err)
		}
		b, err := c.Append(nil, shadow)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i == 0, b)
	}
	f.Fuzz(func(t *testing.T, first bool, payload []byte) {
		c := codecs[1]
		if first {
			c = codecs[0]
		}
		for _, v := range []any{new(anys), new(any), new(map[string]fakeEnd)} {
			p := plan(t, v)
			shadow := p.NewShadow()
			if c.Decode(payload, shadow) != nil {
				continue
			}
			end := reflect.ValueOf(newEnd())
			_ = p.In(shadow, v, func(r codec.Ref, typ reflect.Type) (reflect.Value, error) {
				switch {
				case r == 0:
					t.Error("resolve got 0")
				case r > 100:
					return reflect.Value{}, errUnknown
				case typ == reflect.TypeFor[io.Reader]():
					return reflect.ValueOf(strings.NewReader("")), nil
				}
				return end, nil
			})
		}
	})
}
