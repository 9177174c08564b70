package dynamic

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/codegen/rpc"
)

// ErrArguments is JSON that is not what a method takes. What it wraps says where, and what to write.
var ErrArguments = errors.New("bad arguments")

// An encoder turns JSON, as encoding/json decodes it with numbers as they are, into MessagePack.
type encoder struct{ types map[string]rpc.Type }

func wrong(where, want string, got any) error {
	text, _ := json.Marshal(got)
	return fmt.Errorf("%w: %s: want %s, got %.60s", ErrArguments, where, want, text)
}

func (e *encoder) append(b []byte, t *rpc.Type, x any, where string) ([]byte, error) {
	switch t.Kind {
	case "bool":
		if v, ok := x.(bool); ok {
			return msgp.AppendBool(b, v), nil
		}
		return b, wrong(where, "true or false", x)
	case "int":
		if v, err := strconv.ParseInt(number(x), 10, 64); err == nil {
			return msgp.AppendInt64(b, v), nil
		}
		return b, wrong(where, "a whole number", x)
	case "uint":
		if v, err := strconv.ParseUint(number(x), 10, 64); err == nil {
			return msgp.AppendUint64(b, v), nil
		}
		return b, wrong(where, "a whole number from 0 on", x)
	case "float32", "float64":
		v, err := strconv.ParseFloat(number(x), 64)
		if err != nil {
			return b, wrong(where, "a number", x)
		}
		if t.Kind == "float32" {
			if math.Abs(v) > math.MaxFloat32 {
				return b, wrong(where, "a number of 32 bits", x)
			}
			return msgp.AppendFloat32(b, float32(v)), nil
		}
		return msgp.AppendFloat64(b, v), nil
	case "string":
		if v, ok := x.(string); ok {
			return msgp.AppendString(b, v), nil
		}
		return b, wrong(where, "a string", x)
	case "bytes":
		if x == nil {
			return msgp.AppendNil(b), nil
		}
		if s, ok := x.(string); ok {
			if v, err := base64.StdEncoding.DecodeString(s); err == nil {
				return msgp.AppendBytes(b, v), nil
			}
		}
		return b, wrong(where, "a string of base64", x)
	case "time":
		if s, ok := x.(string); ok {
			if v, err := time.Parse(time.RFC3339, s); err == nil {
				return msgp.AppendTime(b, v), nil
			}
		}
		return b, wrong(where, `a time, as "2006-01-02T15:04:05Z"`, x)
	case "duration":
		v, err := time.ParseDuration(number(x))
		if n, nerr := strconv.ParseInt(number(x), 10, 64); nerr == nil {
			v, err = time.Duration(n), nil
		}
		if err != nil {
			return b, wrong(where, `a duration, as "1.5s", or nanoseconds`, x)
		}
		return msgp.AppendInt64(b, int64(v)), nil
	}
	return e.appendMany(b, t, x, where)
}

// appendMany appends what consists of others.
func (e *encoder) appendMany(b []byte, t *rpc.Type, x any, where string) ([]byte, error) {
	switch t.Kind {
	case "optional":
		if x == nil {
			return msgp.AppendNil(b), nil
		}
		return e.append(b, t.Elem, x, where)
	case "list", "array":
		if x == nil && t.Kind == "list" {
			return msgp.AppendNil(b), nil
		}
		list, ok := x.([]any)
		if !ok {
			return b, wrong(where, "a list", x)
		}
		if t.Kind == "array" && int64(len(list)) != t.Len {
			return b, wrong(where, fmt.Sprintf("a list of %d", t.Len), x)
		}
		b = msgp.AppendArrayHeader(b, uint32(len(list)))
		for i, v := range list {
			var err error
			if b, err = e.append(b, t.Elem, v, fmt.Sprintf("%s[%d]", where, i)); err != nil {
				return b, err
			}
		}
		return b, nil
	case "map":
		if x == nil {
			return msgp.AppendNil(b), nil
		}
		m, ok := x.(map[string]any)
		if !ok {
			return b, wrong(where, "an object", x)
		}
		b = msgp.AppendMapHeader(b, uint32(len(m)))
		for _, k := range slices.Sorted(maps.Keys(m)) {
			var err error
			if b, err = e.append(b, t.Key, k, where+"'s key"); err == nil {
				b, err = e.append(b, t.Elem, m[k], where+"."+k)
			}
			if err != nil {
				return b, err
			}
		}
		return b, nil
	case "ref":
		s := e.types[t.Name]
		return e.structure(b, &s, x, where, t.Name)
	case "any":
		return msgp.AppendIntf(b, plain(x))
	}
	return b, fmt.Errorf("%w: %s: a %s cannot be given here", ErrArguments, where, t.Kind)
}

func (e *encoder) structure(b []byte, t *rpc.Type, x any, where, name string) ([]byte, error) {
	m, ok := x.(map[string]any)
	if !ok {
		return b, wrong(where, "an object, "+name, x)
	}
	var known []string
	for _, f := range t.Fields {
		known = append(known, f.Name)
	}
	for k := range m {
		if !slices.Contains(known, k) {
			return b, fmt.Errorf("%w: %s: %s has no field %q; it has %s", ErrArguments, where, name, k, strings.Join(known, ", "))
		}
	}
	if t.Kind == "tuple" {
		b = msgp.AppendArrayHeader(b, uint32(len(t.Fields)))
	} else {
		b = msgp.AppendMapHeader(b, uint32(len(m)))
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		v, given := m[f.Name]
		switch {
		case t.Kind != "tuple" && !given:
			continue
		case t.Kind != "tuple":
			b = msgp.AppendString(b, f.Name)
		case !given:
			b = e.zero(b, &f.Type)
			continue
		}
		var err error
		if b, err = e.append(b, &f.Type, v, where+"."+f.Name); err != nil {
			return b, err
		}
	}
	return b, nil
}

// zero appends a type's zero value.
func (e *encoder) zero(b []byte, t *rpc.Type) []byte {
	switch t.Kind {
	case "bool":
		return msgp.AppendBool(b, false)
	case "int", "uint", "duration":
		return msgp.AppendInt(b, 0)
	case "float32":
		return msgp.AppendFloat32(b, 0)
	case "float64":
		return msgp.AppendFloat64(b, 0)
	case "string":
		return msgp.AppendString(b, "")
	case "time":
		return msgp.AppendTime(b, time.Time{})
	case "array":
		b = msgp.AppendArrayHeader(b, uint32(t.Len))
		for range t.Len {
			b = e.zero(b, t.Elem)
		}
		return b
	case "ref":
		s := e.types[t.Name]
		if s.Kind != "tuple" {
			return msgp.AppendMapHeader(b, 0)
		}
		b = msgp.AppendArrayHeader(b, uint32(len(s.Fields)))
		for i := range s.Fields {
			b = e.zero(b, &s.Fields[i].Type)
		}
		return b
	}
	return msgp.AppendNil(b)
}

// number returns a JSON number, or a string that may be one.
func number(x any) string {
	switch v := x.(type) {
	case json.Number:
		return v.String()
	case string:
		return v
	}
	return ""
}

// plain returns JSON as msgp takes it where nothing says what it is.
func plain(x any) any {
	switch v := x.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	}
	return x
}
