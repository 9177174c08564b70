package gentest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Fill sets what v points to, at any depth, to values that depend on the seed only; with seed 0 everything is set, and nothing is
// empty. It leaves out what is not sent, and what is carried beside the message.
func Fill(v any, seed uint64) {
	f := &filler{rand.New(rand.NewPCG(seed, 0)), seed == 0, 500}
	f.fill(reflect.ValueOf(v).Elem(), 0)
}

type filler struct {
	*rand.Rand
	full bool
	left int // elements that are still to be made
}

// deepest bounds how deep a type that contains itself is filled.
const deepest = 6

// skipped reports whether a type is carried, or nobody knows what to put there.
func skipped(t reflect.Type) bool {
	if t.Kind() == reflect.Interface && t.NumMethod() != 0 {
		return true
	}
	base := t
	if base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	path := base.PkgPath()
	switch path {
	case "os":
		return base.Name() == "File"
	case "io":
		return true
	case "net":
		return strings.HasSuffix(base.Name(), "Conn") || strings.HasSuffix(base.Name(), "Listener")
	case "github.com/corechan/corechan/engine":
		return true
	}
	return false
}

// known are the types that are not filled by what they are made of.
func (f *filler) known(v reflect.Value) bool {
	if !v.CanAddr() || !v.CanInterface() { // an embedded struct that is not exported
		return false
	}
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(f.Int64N(1<<33), f.Int64N(1e9))
	case *json.Number:
		*x = json.Number(fmt.Sprint(f.Int32()))
	case *atomic.Int64:
		x.Store(f.Int64())
	case *atomic.Int32:
		x.Store(f.Int32())
	case *atomic.Uint64:
		x.Store(f.Uint64())
	case *atomic.Uint32:
		x.Store(f.Uint32())
	case *atomic.Bool:
		x.Store(true)
	case *big.Int:
		x.SetUint64(f.Uint64())
	case *netip.Addr:
		*x = netip.AddrFrom4([4]byte{10, byte(f.Uint32()), 1, 2})
	case *net.IP:
		*x = net.IPv4(10, byte(f.Uint32()), 1, 2)
	case *url.URL:
		*x = url.URL{Scheme: "https", Host: "example.com", Path: fmt.Sprint("/", f.Uint32())} // not long: its size is estimated
	case *any:
		*x = []any{f.text(), f.Int64(), 1.5, true, nil, map[string]any{"k": []byte(f.text())}, []any{int64(-1)}}[f.IntN(7)]
		if f.full {
			*x = f.text()
		}
	default:
		return false
	}
	return true
}

func (f *filler) text() string {
	n := f.IntN(12)
	if !f.full && f.IntN(8) == 0 {
		n = 300 // longer than what has a prefix of one byte
	}
	return strings.Repeat("aäb", n)[:n] + "x"
}

func (f *filler) count(depth int) int {
	n := f.IntN(4)
	switch {
	case depth > deepest || f.left <= 0:
		return 0
	case f.full:
		n = 2
	case depth < 2 && f.IntN(16) == 0:
		n = 40
	}
	f.left -= n
	return n
}

func (f *filler) fill(v reflect.Value, depth int) {
	t := v.Type()
	if skipped(t) || f.known(v) {
		return
	}
	bits := f.Uint64() >> f.IntN(64) // of any length
	switch t.Kind() {
	case reflect.Bool:
		v.SetBool(f.full || bits&1 != 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n := int64(bits)
		if t.Kind() != reflect.Int64 && t.Kind() != reflect.Int {
			shift := 64 - t.Bits()
			n = n << shift >> shift
		}
		v.SetInt(n | 1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(bits&(math.MaxUint64>>(64-t.Bits())) | 1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(f.NormFloat64())) + 1)
	case reflect.String:
		v.SetString(f.text())
	case reflect.Pointer:
		if f.count(depth) > 0 && !skipped(t.Elem()) {
			v.Set(reflect.New(t.Elem()))
			f.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		n := f.count(depth)
		if skipped(t.Elem()) {
			n = 0
		}
		v.Set(reflect.MakeSlice(t, n, n))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		for range f.count(depth) {
			k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			if skipped(t.Elem()) {
				return
			}
			f.fill(k, depth+1)
			f.fill(e, depth+1)
			v.SetMapIndex(k, e)
		}
	case reflect.Struct:
		for i := range t.NumField() {
			if travels(t.Field(i)) {
				f.fill(v.Field(i), depth+1)
				shorten(v.Field(i), t.Field(i).Tag.Get("msg"))
			}
		}
	}
}

// shorten heeds the option limit=N.
func shorten(v reflect.Value, tag string) {
	_, after, ok := strings.Cut(tag, "limit=")
	digits, _, _ := strings.Cut(after, ",")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil {
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		v.SetLen(min(v.Len(), n))
	case reflect.Map:
		for _, k := range v.MapKeys()[min(v.Len(), n):] {
			v.SetMapIndex(k, reflect.Value{})
		}
	}
}

// travels reports whether a field is sent.
func travels(f reflect.StructField) bool {
	tag := f.Tag.Get("msg")
	return tag != "-" && (f.IsExported() || strings.Contains(tag, ",flatten"))
}
