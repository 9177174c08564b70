package dynamic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
)

// results are a call's: JSON, and streams and channels.
type results struct {
	types  []rpc.Field
	values []result
}

type result struct {
	json     []byte
	messages *engine.Receiver[any]
	stream   *engine.Carried[io.Reader]
	file     *engine.Carried[*os.File]
}

// Msgsize and MarshalMsg: results are only received.
func (*results) Msgsize() int { return 0 }

// MarshalMsg implements msgp.Marshaler.
func (*results) MarshalMsg(b []byte) ([]byte, error) { return b, errors.ErrUnsupported }

// UnmarshalMsg implements msgp.Unmarshaler.
func (z *results) UnmarshalMsg(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b, err
	}
	for i := range z.types {
		if uint32(i) >= n {
			return b, nil
		}
		var v result
		switch z.types[i].Type.Kind {
		case "receiver":
			v.messages = new(engine.Receiver[any])
			b, err = v.messages.UnmarshalMsg(b)
		case "reader", "stream", "conn":
			v.stream = new(engine.Carried[io.Reader])
			b, err = v.stream.UnmarshalMsg(b)
		case "file":
			v.file = new(engine.Carried[*os.File])
			b, err = v.file.UnmarshalMsg(b)
		default:
			var rest []byte
			if rest, err = msgp.Skip(b); err != nil {
				return b, err
			}
			var out bytes.Buffer
			_, err = msgp.UnmarshalAsJSON(&out, b[:len(b)-len(rest)])
			v.json, b = out.Bytes(), rest
		}
		if err != nil {
			return b, err
		}
		z.values = append(z.values, v)
	}
	return rpc.SkipElements(b, n-uint32(len(z.types)))
}

// Carry implements engine.Carrier.
func (z *results) Carry(c *engine.Cargo) (err error) {
	for i := range z.values {
		switch v := &z.values[i]; {
		case v.messages != nil:
			err = v.messages.Carry(c)
		case v.stream != nil:
			err = v.stream.Carry(c)
		case v.file != nil:
			err = v.file.Carry(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// print prints them.
func (z *results) print(ctx context.Context, out io.Writer) error {
	var object bytes.Buffer
	count := 0
	var last []byte
	for i, v := range z.values {
		if v.json == nil {
			continue
		}
		if count++; count > 1 {
			object.WriteString(",")
		}
		fmt.Fprintf(&object, "%q:%s", z.types[i].Name, v.json)
		last = v.json
	}
	switch {
	case count == 1:
		fmt.Fprintf(out, "%s\n", last)
	case count > 1:
		fmt.Fprintf(out, "{%s}\n", object.Bytes())
	}
	for _, v := range z.values {
		var err error
		switch {
		case v.messages != nil && *v.messages != (engine.Receiver[any]{}):
			err = printAll(ctx, out, *v.messages)
		case v.stream != nil && v.stream.V != nil:
			err = copyOut(ctx, out, v.stream.V)
		case v.file != nil && v.file.V != nil:
			err = copyOut(ctx, out, v.file.V)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyOut(ctx context.Context, out io.Writer, in io.Reader) error {
	defer rpc.Release(in)
	defer context.AfterFunc(ctx, func() { rpc.Release(in) })()
	_, err := io.Copy(out, in)
	return err
}

// printAll prints the messages of a channel, a line for each.
func printAll(ctx context.Context, out io.Writer, in engine.Receiver[any]) error {
	defer in.Close()
	for m, err := range in.All(ctx) {
		if err != nil {
			return err
		}
		b, err := json.Marshal(*m)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s\n", b); err != nil {
			return err
		}
	}
	return nil
}
