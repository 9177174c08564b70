package rpc

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
)

// A describeBody is the results of methodDescribe: services' names and their descriptions.
type describeBody struct{ names, descriptions []string }

func (z *describeBody) fill(services map[string]*served) {
	for _, name := range slices.Sorted(maps.Keys(services)) {
		z.names = append(z.names, name)
		z.descriptions = append(z.descriptions, services[name].Desc.Description)
	}
}

func (z *describeBody) parse() ([]Description, error) {
	all := make([]Description, len(z.names))
	for i, text := range z.descriptions {
		if err := json.Unmarshal([]byte(text), &all[i]); err != nil {
			return nil, fmt.Errorf("rpc: the description of %q: %w", z.names[i], err)
		}
		all[i].Name = z.names[i]
	}
	return all, nil
}

// Msgsize implements msgp.Sizer.
func (z *describeBody) Msgsize() int {
	n := 1 + msgp.ArrayHeaderSize
	for i := range z.names {
		n += 1 + 2*msgp.StringPrefixSize + len(z.names[i]) + len(z.descriptions[i])
	}
	return n
}

// MarshalMsg implements msgp.Marshaler.
func (z *describeBody) MarshalMsg(b []byte) ([]byte, error) {
	b = msgp.AppendArrayHeader(append(b, 0x91), uint32(len(z.names)))
	for i := range z.names {
		b = msgp.AppendString(append(b, 0x92), z.names[i])
		b = msgp.AppendString(b, z.descriptions[i])
	}
	return b, nil
}

// UnmarshalMsg implements msgp.Unmarshaler.
func (z *describeBody) UnmarshalMsg(b []byte) ([]byte, error) {
	outer, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil || outer == 0 {
		return b, err
	}
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b, err
	}
	for range n {
		var pair uint32
		if pair, b, err = msgp.ReadArrayHeaderBytes(b); err != nil {
			return b, err
		}
		if pair < 2 {
			return b, msgp.ArrayError{Wanted: 2, Got: pair}
		}
		var name, description string
		if name, b, err = msgp.ReadStringBytes(b); err != nil {
			return b, err
		}
		if description, b, err = msgp.ReadStringBytes(b); err != nil {
			return b, err
		}
		if b, err = SkipElements(b, pair-2); err != nil {
			return b, err
		}
		z.names, z.descriptions = append(z.names, name), append(z.descriptions, description)
	}
	return SkipElements(b, outer-1)
}

// Carry carries nothing.
func (*describeBody) Carry(*engine.Cargo) error { return nil }
