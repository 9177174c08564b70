package gentest

import (
	"reflect"
	"testing"
)

// View tests the view V of messages T: each field reads as it was decoded, and what is cut off is no surprise to any of its methods.
func View[T, V any](t *testing.T, view func([]byte) V) {
	t.Helper()
	for seed := range uint64(seeds) {
		in := new(T)
		Fill(in, seed)
		b, err := encode(in)
		if err != nil {
			t.Fatal(err)
		}
		c := &viewer{t: t}
		c.compare(reflect.ValueOf(in).Elem(), reflect.ValueOf(view(b)))
		c.cut = true
		for n := 0; n < len(b); n += 1 + 10*len(b)/prefixes {
			c.compare(reflect.ValueOf(in).Elem(), reflect.ValueOf(view(b[:n])))
		}
		if c.read == 0 {
			t.Fatalf("%T has no methods of the fields' names", view(nil))
		}
	}
	for _, b := range Hostile() {
		c := &viewer{t: t, cut: true}
		c.compare(reflect.ValueOf(new(T)).Elem(), reflect.ValueOf(view(b)))
	}
}

// A viewer compares views with what was encoded. cut: the payload is not whole, so that values are not compared.
type viewer struct {
	t    *testing.T
	cut  bool
	read int // fields
}

func (c *viewer) compare(message, view reflect.Value) {
	for i := range message.NumField() {
		name := message.Type().Field(i).Name
		m := view.MethodByName(name)
		if !m.IsValid() {
			continue
		}
		c.read++
		field, got := message.Field(i), m.Call(nil)
		if len(got) == 1 {
			c.list(name, field, got[0])
			continue
		}
		x, err := got[0], got[1]
		if !err.IsNil() {
			if !c.cut {
				c.t.Errorf("%s: %v", name, err)
			}
			continue
		}
		c.same(name, field, x)
	}
}

// same compares a field with what its view's method returned.
func (c *viewer) same(name string, field, x reflect.Value) {
	if field.Type() != x.Type() && field.Kind() == reflect.Pointer {
		if field.IsNil() {
			return // the view of nothing
		}
		field = field.Elem()
	}
	switch load := field.Addr().MethodByName("Load"); {
	case field.Type() == x.Type():
		if c.cut {
			return
		}
		y := reflect.New(x.Type()).Elem() // what has methods for the comparison has them for pointers
		y.Set(x)
		if d := difference(field, y, name); d != "" {
			c.t.Errorf("decoded and viewed: %s", d)
		}
	case load.IsValid():
		if got := load.Call(nil)[0].Interface(); !c.cut && got != x.Interface() {
			c.t.Errorf("%s: %v and %v", name, got, x)
		}
	default:
		c.compare(field, x)
	}
}

func (c *viewer) list(name string, field, seq reflect.Value) {
	n := 0
	for x, err := range seq.Seq2() {
		if !err.IsNil() {
			if !c.cut {
				c.t.Errorf("%s: %v", name, err)
			}
			return
		}
		if n < field.Len() {
			c.same(name, field.Index(n), x)
		}
		n++
	}
	if !c.cut && n != field.Len() {
		c.t.Errorf("%s: %d elements and %d", name, field.Len(), n)
	}
}
