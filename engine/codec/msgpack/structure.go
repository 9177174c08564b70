package msgpack

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// A field is one entry of a struct's map.
type field struct {
	name      string
	index     []int // through flattened structs
	coder     *coder
	omitEmpty bool
	allowNil  bool // a nil slice, map or []byte is written as nil, not as an empty one
}

// A structure is a struct's fields, in the order of their declaration.
type structure struct {
	t       reflect.Type
	fields  []field
	byName  map[string]*field
	omitAny bool
}

func (m builder) structure(t reflect.Type) (coder, error) {
	s := &structure{t: t, byName: map[string]*field{}}
	if err := s.collect(m, t, nil); err != nil {
		return coder{}, err
	}
	for i := range s.fields {
		f := &s.fields[i]
		if s.byName[f.name] != nil {
			return coder{}, fmt.Errorf("%v has two fields %q: give one another name with the tag msg", t, f.name)
		}
		s.byName[f.name] = f
		s.omitAny = s.omitAny || f.omitEmpty
	}
	return coder{append: s.append, read: s.read}, nil
}

// collect appends the fields of t, which is found at index.
func (s *structure) collect(m builder, t reflect.Type, index []int) error {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("msg")
		if tag == "-" || !sf.IsExported() && !sf.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		at := append(index[:len(index):len(index)], i)
		f := field{name: name, index: at}
		flatten := false
		for option := range strings.SplitSeq(options, ",") {
			switch option {
			case "omitempty", "omitzero":
				f.omitEmpty = true
			case "allownil":
				f.allowNil = true
			case "flatten":
				flatten = true
			}
		}
		if flatten {
			if sf.Type.Kind() != reflect.Struct {
				return fmt.Errorf("%v.%s: only a struct can be flattened, not %v", t, sf.Name, sf.Type)
			}
			if err := s.collect(m, sf.Type, at); err != nil {
				return err
			}
			continue
		}
		if !sf.IsExported() {
			continue
		}
		if f.name == "" {
			f.name = sf.Name
		}
		c, err := m.of(sf.Type)
		if err != nil {
			return fmt.Errorf("%v.%s: %w", t, sf.Name, err)
		}
		f.coder = c
		s.fields = append(s.fields, f)
	}
	return nil
}

func (s *structure) append(b []byte, v reflect.Value, depth int) ([]byte, error) {
	n := len(s.fields)
	if s.omitAny {
		for i := range s.fields {
			if f := &s.fields[i]; f.omitEmpty && empty(v.FieldByIndex(f.index)) {
				n--
			}
		}
	}
	if err := enter(n, depth); err != nil {
		return b, err
	}
	b = msgp.AppendMapHeader(b, uint32(n))
	for i := range s.fields {
		f := &s.fields[i]
		x := v.FieldByIndex(f.index)
		if f.omitEmpty && empty(x) {
			continue
		}
		b = msgp.AppendString(b, f.name)
		if f.allowNil && (x.Kind() == reflect.Slice || x.Kind() == reflect.Map) && x.IsNil() {
			b = msgp.AppendNil(b)
			continue
		}
		var err error
		if b, err = f.coder.append(b, x, depth+1); err != nil {
			return b, s.wrap(f, err)
		}
	}
	return b, nil
}

func (s *structure) read(b []byte, v reflect.Value) ([]byte, error) {
	n, rest, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return b, err
	}
	for range n {
		var name []byte
		if name, rest, err = msgp.ReadMapKeyZC(rest); err != nil {
			return rest, err
		}
		f := s.byName[string(name)]
		if f == nil {
			if rest, err = msgp.Skip(rest); err != nil {
				return rest, err
			}
			continue
		}
		if rest, err = f.coder.read(rest, v.FieldByIndex(f.index)); err != nil {
			return rest, s.wrap(f, err)
		}
	}
	return rest, nil
}

// empty is what omitempty leaves out.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String:
		return v.Len() == 0
	}
	return v.IsZero()
}

// A fieldError names the innermost field at which a message failed.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return e.field + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

// wrap names the field, unless one further in has been named: an error of a payload does not grow with its depth.
func (s *structure) wrap(f *field, err error) error {
	if _, ok := err.(*fieldError); ok { //nolint:errorlint // only one that this function made
		return err
	}
	return &fieldError{field: fmt.Sprintf("%v.%s", s.t, s.t.FieldByIndex(f.index).Name), err: err}
}
