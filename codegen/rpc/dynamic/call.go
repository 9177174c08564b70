package dynamic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
)

// A Caller calls a method. Its fields are not to be changed afterwards.
type Caller struct {
	// Service is as rpc.Services returns it.
	Service rpc.Description
	Method  string
	// In is what "-" reads for arguments, Out where results go and what "-" writes.
	In  io.Reader
	Out io.Writer
}

// Call makes the call: args is the argument's JSON if there is one argument; else an object with their names, or a list. Empty: none
// of them. Results are written as one line of JSON: the one result itself, or an object of several. What a stream or channel gives is
// written as it comes, a line for each message.
func (c *Caller) Call(ctx context.Context, sess *engine.Session, args string) error {
	m := c.method()
	if m == nil {
		return fmt.Errorf("%s.%s: %w: it has %s", c.Service.Name, c.Method, rpc.ErrNoMethod, strings.Join(c.names(), ", "))
	}
	given, err := parse(m, args)
	if err != nil {
		return err
	}
	body := &arguments{caller: c}
	defer body.close()
	for i := range given {
		if err := body.add(&m.Args[i], given[i]); err != nil {
			return err
		}
	}
	results := &results{types: m.Results}
	client := rpc.NewClient(sess, &rpc.Desc{Name: c.Service.Name, Methods: []rpc.Method{{Name: m.Name, CheckResults: true}}}, nil)
	call := rpc.NewCall(body, results)
	if m.Oneway {
		return client.Send(ctx, 0, call)
	}
	sending, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	for _, f := range body.beside {
		beside.Go(func() { f(sending) })
	}
	err = client.Call(ctx, 0, call)
	if err == nil {
		beside.Wait() // what the method still sends, and what it takes
		err = results.print(ctx, c.Out)
	}
	cancel()
	beside.Wait()
	return err
}

func (c *Caller) method() *rpc.MethodDescription {
	for i := range c.Service.Methods {
		if c.Service.Methods[i].Name == c.Method {
			return &c.Service.Methods[i]
		}
	}
	return nil
}

func (c *Caller) names() (all []string) {
	for _, m := range c.Service.Methods {
		all = append(all, m.Name)
	}
	return all
}

// parse returns the arguments, one for each that is there.
func parse(m *rpc.MethodDescription, text string) ([]any, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var x any
	if err := d.Decode(&x); err != nil {
		return nil, fmt.Errorf("%w: %q is not JSON: %w", ErrArguments, text, err)
	}
	if d.More() {
		return nil, fmt.Errorf("%w: more than one JSON value", ErrArguments)
	}
	if len(m.Args) == 1 {
		return []any{x}, nil
	}
	switch v := x.(type) {
	case []any:
		if len(v) > len(m.Args) {
			return nil, fmt.Errorf("%w: %d are given, and %s takes %d", ErrArguments, len(v), m.Name, len(m.Args))
		}
		return v, nil
	case map[string]any:
		all := make([]any, len(m.Args))
		var known []string
		for i, a := range m.Args {
			all[i] = v[a.Name]
			if _, given := v[a.Name]; !given {
				all[i] = missing{}
			}
			delete(v, a.Name)
			known = append(known, a.Name)
		}
		for k := range v {
			return nil, fmt.Errorf("%w: %s takes no %q; it takes %s", ErrArguments, m.Name, k, strings.Join(known, ", "))
		}
		return all, nil
	}
	return nil, wrong(m.Name, "an object with the arguments' names, or a list", x)
}

// missing stands for an argument that is not given.
type missing struct{}

// arguments are a call's: those that are encoded, and those that are carried.
type arguments struct {
	caller  *Caller
	fields  []field
	closers []io.Closer
	beside  []func(ctx context.Context)
}

// A field is one argument.
type field interface {
	Msgsize() int
	MarshalMsg(b []byte) ([]byte, error)
	Carry(c *engine.Cargo) error
}

// An encoded is an argument that is encoded.
type encoded []byte

func (e encoded) Msgsize() int                        { return len(e) }
func (e encoded) MarshalMsg(b []byte) ([]byte, error) { return append(b, e...), nil }
func (e encoded) Carry(*engine.Cargo) error           { return nil }

func (a *arguments) add(f *rpc.Field, x any) error {
	e := &encoder{a.caller.Service.Types}
	if _, none := x.(missing); none {
		a.fields = append(a.fields, encoded(e.zero(nil, &f.Type)))
		return nil
	}
	switch f.Type.Kind {
	case "reader", "file":
		r, err := a.open(f.Name, x)
		if err != nil {
			return err
		}
		if file, ok := r.(*os.File); ok && f.Type.Kind == "file" {
			a.fields = append(a.fields, &engine.Carried[*os.File]{V: file})
			return nil
		} else if f.Type.Kind == "file" {
			return wrong(f.Name, "the path of a file", x)
		}
		a.fields = append(a.fields, &engine.Carried[io.Reader]{V: r})
		return nil
	case "writer":
		return a.writer(f.Name, x)
	case "receiver":
		return a.receiver(f, x)
	case "sender":
		r, s := engine.Pipe[any]()
		a.fields = append(a.fields, &s)
		a.beside = append(a.beside, func(ctx context.Context) { _ = printAll(ctx, a.caller.Out, r) })
		return nil
	}
	b, err := e.append(nil, &f.Type, x, f.Name)
	a.fields = append(a.fields, encoded(b))
	return err
}

func (a *arguments) open(name string, x any) (io.Reader, error) {
	path, ok := x.(string)
	switch {
	case !ok:
		return nil, wrong(name, `a path, or "-" for standard input`, x)
	case path == "-":
		return a.caller.In, nil
	}
	f, err := os.Open(path)
	if err == nil {
		a.closers = append(a.closers, f)
	}
	return f, err
}

func (a *arguments) writer(name string, x any) error {
	path, ok := x.(string)
	if !ok {
		return wrong(name, `a path, or "-" for standard output`, x)
	}
	out := a.caller.Out
	if path != "-" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		a.closers = append(a.closers, f)
		out = f
	}
	r, w := engine.Stream()
	a.fields = append(a.fields, &engine.Carried[io.WriteCloser]{V: w})
	a.beside = append(a.beside, func(ctx context.Context) {
		defer context.AfterFunc(ctx, func() { _ = r.Close() })()
		_, _ = io.Copy(out, r)
	})
	return nil
}

func (a *arguments) receiver(f *rpc.Field, x any) error {
	list, ok := x.([]any)
	if !ok {
		return wrong(f.Name, "a list of what it gives", x)
	}
	r, s := engine.Pipe[raw]()
	var all []raw
	e := &encoder{a.caller.Service.Types}
	for i, v := range list {
		b, err := e.append(nil, f.Type.Elem, v, fmt.Sprintf("%s[%d]", f.Name, i))
		if err != nil {
			return err
		}
		all = append(all, raw{b})
	}
	a.fields = append(a.fields, &r)
	a.beside = append(a.beside, func(ctx context.Context) {
		defer s.Close()
		for i := range all {
			if s.Send(ctx, &all[i]) != nil {
				return
			}
		}
	})
	return nil
}

func (a *arguments) close() {
	for _, c := range a.closers {
		_ = c.Close()
	}
}

// Msgsize implements msgp.Sizer.
func (a *arguments) Msgsize() int {
	n := 5
	for _, f := range a.fields {
		n += f.Msgsize()
	}
	return n
}

// MarshalMsg implements msgp.Marshaler.
func (a *arguments) MarshalMsg(b []byte) (_ []byte, err error) {
	b = append(b, 0xdc, byte(len(a.fields)>>8), byte(len(a.fields)))
	for _, f := range a.fields {
		if b, err = f.MarshalMsg(b); err != nil {
			return b, err
		}
	}
	return b, nil
}

// UnmarshalMsg implements msgp.Unmarshaler: arguments are only sent.
func (a *arguments) UnmarshalMsg(b []byte) ([]byte, error) { return b, errors.ErrUnsupported }

// Carry implements engine.Carrier.
func (a *arguments) Carry(c *engine.Cargo) error {
	for _, f := range a.fields {
		if err := f.Carry(c); err != nil {
			return err
		}
	}
	return nil
}

// A raw is a message that is encoded already.
type raw struct{ b []byte }

func (r *raw) Msgsize() int                        { return len(r.b) }
func (r *raw) MarshalMsg(b []byte) ([]byte, error) { return append(b, r.b...), nil }
func (r *raw) UnmarshalMsg(b []byte) ([]byte, error) {
	r.b = bytes.Clone(b)
	return nil, nil
}
