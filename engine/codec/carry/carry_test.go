package carry_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/carry"
	"github.com/corechan/corechan/engine/codec/json"
	"github.com/corechan/corechan/engine/codec/msgpack"
	"github.com/corechan/corechan/engine/codec/xml"
)

// A fakeEnd stands for a channel's end: a small value.
type fakeEnd struct{ p *int }

func newEnd() fakeEnd { return fakeEnd{new(int)} }

// fakeTypes are what the tests carry.
type fakeTypes struct{}

func (fakeTypes) Carried(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[fakeEnd](), reflect.TypeFor[io.Reader](), reflect.TypeFor[io.ReadWriteCloser](),
		reflect.TypeFor[*os.File](), reflect.TypeFor[*strings.Reader]():
		return true
	}
	return false
}

// A registry plays the attachment table.
type registry struct{ values []any }

func (r *registry) bind(v reflect.Value) (codec.Ref, error) {
	r.values = append(r.values, v.Interface())
	return codec.Ref(len(r.values)), nil
}

var errUnknown = errors.New("no such attachment")

func (r *registry) resolve(ref codec.Ref, _ reflect.Type) (reflect.Value, error) {
	if int(ref) > len(r.values) {
		return reflect.Value{}, errUnknown
	}
	return reflect.ValueOf(r.values[ref-1]), nil
}

var codecs = []codec.Codec{msgpack.Codec{}, json.Codec{}, xml.Codec{}}

func plan(t interface{ Fatal(...any) }, v any) *carry.Plan {
	p, err := carry.PlanFor(reflect.TypeOf(v).Elem(), fakeTypes{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// trip sends v through a codec and returns a pointer to what arrives, and how many values were carried.
func trip(c codec.Codec, p *carry.Plan, v any) (any, int, error) {
	var r registry
	shadow, err := p.Out(v, r.bind)
	if err != nil {
		return nil, 0, err
	}
	b, err := c.Append(nil, shadow)
	if err != nil {
		return nil, 0, err
	}
	arrived := p.NewShadow()
	if err := c.Decode(b, arrived); err != nil {
		return nil, 0, err
	}
	out := reflect.New(reflect.TypeOf(v).Elem()).Interface()
	return out, len(r.values), p.In(arrived, out, r.resolve)
}

type pair[A, B any] struct {
	First  A `msg:"first" json:"first,omitempty" xml:"first"`
	Second B `msg:"second" json:"second" xml:"second"`
}

// Base is embedded.
type Base struct {
	End  fakeEnd `msg:"end" json:"end" xml:"end"`
	Name string
}

// Other is embedded and holds nothing that is carried.
type Other struct{ Plain int }

func (Other) Method() {}

type lower struct{ Low fakeEnd }

type embedding struct {
	Base
	*Other
	lower `msg:",flatten"`
	io.Reader
	_    fakeEnd
	Text string
}

func TestCarriedValuesComeBackAtAnyPlace(t *testing.T) {
	file := os.NewFile(99, "a file") // never used as one
	defer func() { _ = file.Close() }()
	reader := strings.NewReader("x")
	now := time.Unix(5, 0)
	a, b := newEnd(), newEnd()
	type inner struct {
		End  fakeEnd
		List []pair[string, fakeEnd]
		When time.Time
	}
	for name, m := range map[string]struct {
		v     any
		count int
		not   string // codecs that cannot hold such a message
	}{
		"alone":             {&a, 1, ""},
		"a field":           {&pair[string, fakeEnd]{"x", a}, 1, ""},
		"zero":              {&pair[string, fakeEnd]{"x", fakeEnd{}}, 0, ""},
		"a reader":          {&pair[io.Reader, *os.File]{reader, file}, 2, ""},
		"no reader":         {&pair[io.Reader, *os.File]{}, 0, ""},
		"nil in an":         {&pair[io.Reader, int]{}, 0, ""},
		"twice":             {&pair[fakeEnd, fakeEnd]{a, a}, 2, ""},
		"a slice":           {&pair[int, []fakeEnd]{1, []fakeEnd{a, {}, b}}, 2, ""},
		"an array":          {&pair[int, [2]fakeEnd]{1, [2]fakeEnd{a, b}}, 2, "xml"},
		"a map":             {&map[string]fakeEnd{"a": a, "b": b, "": {}}, 2, "xml"},
		"a map of structs":  {&map[string]pair[int, io.Reader]{"a": {1, reader}}, 1, "xml"},
		"a pointer":         {&pair[*fakeEnd, *inner]{&a, &inner{End: b, When: now}}, 2, ""},
		"no pointer":        {&pair[*fakeEnd, *inner]{}, 0, ""},
		"deep":              {&pair[int, inner]{1, inner{a, []pair[string, fakeEnd]{{"x", b}, {"y", a}}, now}}, 3, ""},
		"any":               {&pair[any, any]{a, "x"}, 1, "xml"},
		"any of any":        {&map[string]any{"l": []any{a, map[string]any{"x": b, "y": nil}}, "f": file, "n": 1.5}, 3, "xml"},
		"any without":       {&map[string]any{"l": []any{"x", map[string]any{"x": 1.5}}}, 0, "xml"},
		"only any":          {new(any), 0, "xml"},
		"any with an end":   {func() *any { var x any = a; return &x }(), 1, "xml"},
		"any in a slice":    {&[]any{a, "x", []any{b}}, 2, "xml"},
		"embedded":          {&embedding{Base: Base{a, "n"}, Other: &Other{7}, lower: lower{b}, Reader: reader, Text: "t"}, 3, ""},
		"embedded, but nil": {&embedding{Base: Base{a, "n"}}, 1, ""},
		"generic":           {&pair[pair[fakeEnd, int], []pair[io.Reader, string]]{pair[fakeEnd, int]{a, 1}, []pair[io.Reader, string]{{reader, "x"}}}, 2, ""},
	} {
		for _, c := range codecs {
			if m.not == c.Name() {
				continue
			}
			p := plan(t, m.v)
			if p.Empty() {
				t.Errorf("%s: empty plan", name)
			}
			got, count, err := trip(c, p, m.v)
			if err != nil || count != m.count || !reflect.DeepEqual(local(got), local(m.v)) {
				t.Errorf("%s by %s: %d carried: %+v, %v", name, c.Name(), count, reflect.ValueOf(got), err)
			}
		}
	}
}

// local is v with times that compare: XML and JSON keep the zone's offset, msgpack the instant.
func local(v any) any {
	if p, ok := v.(*pair[*fakeEnd, *struct{}]); ok {
		return p
	}
	normal(reflect.ValueOf(v))
	return v
}

func normal(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() && v.CanSet() {
		v.Set(reflect.ValueOf(v.Interface().(time.Time).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			normal(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			normal(v.Field(i))
		}
	case reflect.Slice:
		if v.Len() == 0 && v.CanSet() {
			v.SetZero()
		}
		for i := range v.Len() {
			normal(v.Index(i))
		}
	}
}

func TestStructsBehindAnAnyArriveAsMaps(t *testing.T) {
	a, b := newEnd(), newEnd()
	end := &b
	in := any([]any{pair[string, fakeEnd]{"x", a}, &pair[any, any]{end, []fakeEnd{a}}, &end, (*fakeEnd)(nil)})
	for _, c := range codecs[:2] {
		got, count, err := trip(c, plan(t, &in), &in)
		want := any([]any{
			map[string]any{"first": "x", "second": a},
			map[string]any{"first": b, "second": []any{a}},
			b, nil,
		})
		if err != nil || count != 4 || !reflect.DeepEqual(*got.(*any), want) {
			t.Errorf("%s: %d carried: %v, %v", c.Name(), count, *got.(*any), err)
		}
	}
}

func TestATypeThatCarriesNothingIsItsOwnShadow(t *testing.T) {
	type node struct {
		Next *node
		Err  error
		When time.Time
		C    chan int
		F    func()
	}
	for _, v := range []any{new(int), &node{}, &map[string]int{}, &struct{ r io.Reader }{}, &bytes.Buffer{}} {
		p := plan(t, v)
		shadow, err := p.Out(v, nil)
		if !p.Empty() || err != nil || shadow != v || reflect.TypeOf(p.NewShadow()) != reflect.TypeOf(v) {
			t.Errorf("%T: %v, %v", v, shadow, err)
		}
		if err := p.In(v, v, nil); err != nil {
			t.Error(err)
		}
	}
	n := testing.AllocsPerRun(100, func() {
		x := 5
		p, _ := carry.PlanFor(reflect.TypeFor[int](), fakeTypes{})
		_, _ = p.Out(&x, nil)
	})
	if n > 2 { // the key, boxed, and x
		t.Errorf("%v allocations", n)
	}
}

func TestAnAnyWithoutCarriedValuesIsNotCopied(t *testing.T) {
	var x any = map[string]any{"a": []any{1, "x"}}
	shadow, err := plan(t, &x).Out(&x, nil)
	if err != nil || reflect.ValueOf(*shadow.(*any)).Pointer() != reflect.ValueOf(x).Pointer() {
		t.Errorf("%v, %v", shadow, err)
	}
}

type recursive struct {
	Next *recursive
	R    io.Reader
}

// carriesAsText marshals itself.
type carriesAsText struct{ R io.Reader }

func (carriesAsText) MarshalText() ([]byte, error) { return nil, nil }

func TestTypesThatCannotBeCarriedAreRefusedByField(t *testing.T) {
	for want, typ := range map[string]reflect.Type{
		"recursive.R is carried, and carry_test.recursive contains itself": reflect.TypeFor[recursive](),
		"Second: ": reflect.TypeFor[pair[int, []recursive]](),
		"carriesAsText.R is carried, and carry_test.carriesAsText encodes itself (MarshalText)": reflect.TypeFor[carriesAsText](),
		"First: carry_test.carriesAsText.R":                                                     reflect.TypeFor[pair[carriesAsText, int]](),
		"keys cannot be carried":                                                                reflect.TypeFor[map[fakeEnd]int](),
		"export it":                                                                             reflect.TypeFor[struct{ *lower }](),
		"contains itself: give the field a name": reflect.TypeFor[struct {
			Exported
			E fakeEnd
		}](),
	} {
		_, err := carry.PlanFor(typ, fakeTypes{})
		if !errors.Is(err, carry.ErrType) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", typ, err)
		}
	}
	if _, err := carry.PlanFor(nil, fakeTypes{}); !errors.Is(err, carry.ErrType) {
		t.Error(err)
	}
	var held any = &recursive{R: strings.NewReader("")}
	if _, err := plan(t, &held).Out(&held, new(registry).bind); !errors.Is(err, carry.ErrType) {
		t.Error(err)
	}
}

// Exported contains itself.
type Exported struct{ Next *Exported }

func TestATypeThatContainsItselfHoldsOnlyPlainValuesBehindAnAny(t *testing.T) {
	type tree struct {
		Kids []*tree
		Data any
	}
	in := tree{Kids: []*tree{{Data: "x"}}, Data: map[string]any{"a": []any{1.5}}}
	for _, c := range codecs[:2] {
		got, _, err := trip(c, plan(t, &in), &in)
		if out := got.(*tree); err != nil || !reflect.DeepEqual(out.Kids[0].Data, "x") || !reflect.DeepEqual(out.Data, in.Data) {
			t.Errorf("%s: %+v, %v", c.Name(), got, err)
		}
	}
	in.Kids[0].Data = []any{newEnd()}
	if _, err := plan(t, &in).Out(&in, new(registry).bind); !errors.Is(err, carry.ErrType) {
		t.Error(err)
	}
	in.Kids[0].Data = []any{codec.Ref(1)}
	if err := plan(t, &in).In(&in, new(tree), new(registry).resolve); !errors.Is(err, codec.ErrRef) {
		t.Error(err)
	}
	in.Kids[0] = &in
	in.Data = nil
	if _, err := plan(t, &in).Out(&in, nil); !errors.Is(err, codec.ErrDepth) {
		t.Error(err)
	}
}

func TestAMessageThatContainsItselfIsRefused(t *testing.T) {
	m := map[string]any{"end": newEnd()}
	m["m"] = m
	var p any
	p = &p
	l := []any{newEnd(), nil}
	l[1] = &pair[any, any]{First: l, Second: l}
	type named map[string]any
	n := named{}
	n["n"] = n
	for _, v := range []any{&m, &p, &l, &n} {
		if _, err := plan(t, v).Out(v, new(registry).bind); !errors.Is(err, codec.ErrDepth) {
			t.Errorf("%T: %v", v, err)
		}
	}
}

func TestErrorsOfBindAndResolveAreReturned(t *testing.T) {
	v := pair[io.Reader, any]{strings.NewReader(""), newEnd()}
	p := plan(t, &v)
	broken := errors.New("broken")
	if _, err := p.Out(&v, func(reflect.Value) (codec.Ref, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := p.Out(&v, func(reflect.Value) (codec.Ref, error) { return 0, nil }); !errors.Is(err, codec.ErrRef) {
		t.Error(err)
	}
	shadow, err := p.Out(&v, new(registry).bind)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.In(shadow, &v, new(registry).resolve); !errors.Is(err, errUnknown) {
		t.Error(err)
	}
	for _, wrong := range []reflect.Value{{}, reflect.ValueOf(5), reflect.ValueOf(newEnd())} {
		err := p.In(shadow, &v, func(codec.Ref, reflect.Type) (reflect.Value, error) { return wrong, nil })
		if !errors.Is(err, carry.ErrResolve) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	for _, bad := range []any{nil, v, (*pair[io.Reader, any])(nil), new(int)} {
		if _, err := p.Out(bad, nil); !errors.Is(err, carry.ErrType) {
			t.Errorf("Out(%T): %v", bad, err)
		}
		if err := p.In(shadow, bad, nil); !errors.Is(err, carry.ErrType) {
			t.Errorf("In(%T): %v", bad, err)
		}
		if err := p.In(bad, &v, nil); !errors.Is(err, carry.ErrType) {
			t.Errorf("In(from %T): %v", bad, err)
		}
	}
}

func TestResolveIsToldTheFieldsType(t *testing.T) {
	v := pair[io.Reader, []any]{strings.NewReader(""), []any{newEnd()}}
	p := plan(t, &v)
	var r registry
	shadow, err := p.Out(&v, r.bind)
	if err != nil {
		t.Fatal(err)
	}
	var types []reflect.Type
	err = p.In(shadow, &v, func(ref codec.Ref, typ reflect.Type) (reflect.Value, error) {
		types = append(types, typ)
		return r.resolve(ref, typ)
	})
	if err != nil || !reflect.DeepEqual(types, []reflect.Type{reflect.TypeFor[io.Reader](), reflect.TypeFor[any]()}) {
		t.Errorf("%v, %v", types, err)
	}
}

func TestOutChangesNothing(t *testing.T) {
	a := newEnd()
	inner := []any{a}
	v := map[string]any{"x": inner}
	if _, err := plan(t, &v).Out(&v, new(registry).bind); err != nil || inner[0] != any(a) || len(v) != 1 {
		t.Errorf("%v, %v", v, err)
	}
}

func TestATypedNilIsNone(t *testing.T) {
	v := pair[io.Reader, any]{(*strings.Reader)(nil), (*os.File)(nil)}
	for _, c := range codecs[:2] {
		got, count, err := trip(c, plan(t, &v), &v)
		if out := got.(*pair[io.Reader, any]); err != nil || count != 0 || out.First != nil || out.Second != nil {
			t.Errorf("%s: %+v, %v", c.Name(), got, err)
		}
	}
}

func TestASkippedFieldDoesNotTravel(t *testing.T) {
	type message struct {
		A fakeEnd `json:"-"`
		B fakeEnd
		C int `msg:"-"`
	}
	in := message{newEnd(), newEnd(), 1}
	got, count, err := trip(msgpack.Codec{}, plan(t, &in), &in)
	if out := got.(*message); err != nil || count != 1 || out.A != (fakeEnd{}) || out.B != in.B {
		t.Errorf("%d: %+v, %v", count, got, err)
	}
}

// A selfMade message has methods like generated ones, and keeps its carried value beside them.
type selfMade struct {
	Ref codec.Ref
	end fakeEnd
}

func (s *selfMade) MarshalMsg(b []byte) ([]byte, error)   { return s.Ref.MarshalMsg(b) }
func (s *selfMade) UnmarshalMsg(b []byte) ([]byte, error) { return s.Ref.UnmarshalMsg(b) }
func (s *selfMade) VisitCarried(visit func(*codec.Ref, any) error) error {
	return visit(&s.Ref, &s.end)
}

func TestACarrierVisitsItsOwnValues(t *testing.T) {
	in := pair[selfMade, []*selfMade]{selfMade{end: newEnd()}, []*selfMade{{end: newEnd()}, nil, {}}}
	got, count, err := trip(msgpack.Codec{}, plan(t, &in), &in)
	out := got.(*pair[selfMade, []*selfMade])
	if err != nil || count != 2 || out.First.end != in.First.end || out.Second[0].end != in.Second[0].end {
		t.Errorf("%d: %+v, %v", count, out, err)
	}
	if in.First.Ref != 0 || in.Second[0].Ref != 0 {
		t.Error("Out changed the message")
	}
	alone := selfMade{end: newEnd()}
	one, _, err := trip(msgpack.Codec{}, plan(t, &alone), &alone)
	if err != nil || one.(*selfMade).end != alone.end {
		t.Errorf("%v, %v", one, err)
	}
}

func TestWhatGeneratedCodeDecodesIntoAnAnyIsResolved(t *testing.T) {
	var r registry
	end := newEnd()
	ref, _ := r.bind(reflect.ValueOf(end))
	b, _ := ref.MarshalMsg([]byte{0x91})
	x, _, err := msgp.ReadIntfBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := plan(t, &x).In(&x, &got, r.resolve); err != nil || !reflect.DeepEqual(got, []any{end}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			type fresh struct {
				A []pair[fakeEnd, any]
				B map[string]io.Reader
			}
			in := fresh{[]pair[fakeEnd, any]{{newEnd(), newEnd()}}, map[string]io.Reader{"x": strings.NewReader("")}}
			for _, c := range codecs[:2] {
				if got, _, err := trip(c, plan(t, &in), &in); err != nil || !reflect.DeepEqual(got, &in) {
					t.Errorf("%v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}
