package transporttest

import (
	"errors"
	"io"
	"os"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
)

// A note is a message that carries nothing.
type note struct {
	ID   uint64
	Text string
}

func (n *note) Msgsize() int { return 1 + msgp.Uint64Size + msgp.StringPrefixSize + len(n.Text) }

func (n *note) MarshalMsg(b []byte) ([]byte, error) {
	b = msgp.AppendArrayHeader(b, 2)
	return msgp.AppendString(msgp.AppendUint64(b, n.ID), n.Text), nil
}

func (n *note) UnmarshalMsg(b []byte) (_ []byte, err error) {
	if b, err = arrayOf(b, 2); err != nil {
		return b, err
	}
	if n.ID, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return b, err
	}
	n.Text, b, err = msgp.ReadStringBytes(b)
	return b, err
}

func arrayOf(b []byte, want uint32) ([]byte, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err == nil && n != want {
		err = msgp.ArrayError{Wanted: want, Got: n}
	}
	return b, err
}

// A field is a value that a message carries.
type field interface {
	engine.Message
	Carry(c *engine.Cargo) error
}

// A parcel is a message that carries every kind of end, all of which may be missing.
type parcel struct {
	ID      uint64
	Reply   engine.Sender[note]
	Feed    engine.Receiver[note]
	Deeper  engine.Sender[parcel]
	Parcels engine.Receiver[parcel]
	Body    engine.Carried[io.Reader]
	Sink    engine.Carried[io.WriteCloser]
	Conn    engine.Carried[io.ReadWriteCloser]
}

func (p *parcel) fields() [7]field {
	return [...]field{&p.Reply, &p.Feed, &p.Deeper, &p.Parcels, &p.Body, &p.Sink, &p.Conn}
}

func (p *parcel) Msgsize() int {
	n := msgp.ArrayHeaderSize + msgp.Uint64Size
	for _, f := range p.fields() {
		n += f.Msgsize()
	}
	return n
}

func (p *parcel) MarshalMsg(b []byte) (_ []byte, err error) {
	b = msgp.AppendArrayHeader(b, 1+uint32(len(p.fields())))
	b = msgp.AppendUint64(b, p.ID)
	for _, f := range p.fields() {
		if b, err = f.MarshalMsg(b); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (p *parcel) UnmarshalMsg(b []byte) (_ []byte, err error) {
	if b, err = arrayOf(b, 1+uint32(len(p.fields()))); err != nil {
		return b, err
	}
	if p.ID, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return b, err
	}
	for _, f := range p.fields() {
		if b, err = f.UnmarshalMsg(b); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (p *parcel) Carry(c *engine.Cargo) error {
	var errs []error
	for _, f := range p.fields() {
		errs = append(errs, f.Carry(c))
	}
	return errors.Join(errs...)
}

// A request is a message of any size with a channel for its answer.
type request struct {
	Text  string
	Reply engine.Sender[note]
}

func (q *request) Msgsize() int { return msgp.StringPrefixSize + len(q.Text) + q.Reply.Msgsize() + 1 }

func (q *request) MarshalMsg(b []byte) ([]byte, error) {
	return q.Reply.MarshalMsg(msgp.AppendString(msgp.AppendArrayHeader(b, 2), q.Text))
}

func (q *request) UnmarshalMsg(b []byte) (_ []byte, err error) {
	if b, err = arrayOf(b, 2); err != nil {
		return b, err
	}
	if q.Text, b, err = msgp.ReadStringBytes(b); err != nil {
		return b, err
	}
	return q.Reply.UnmarshalMsg(b)
}

func (q *request) Carry(c *engine.Cargo) error { return q.Reply.Carry(c) }

// A forgetful message is encoded as a parcel, and takes nothing of what it carries.
type forgetful struct{ parcel }

func (*forgetful) Carry(*engine.Cargo) error { return nil }

// A crossed message is encoded as a parcel, and has the first two fields the other way round.
type crossed struct {
	Feed engine.Receiver[note] // where the parcel has a Sender
	rest parcel
}

func (x *crossed) fields() []field {
	all := x.rest.fields()
	return append([]field{&x.Feed}, all[1:]...)
}

func (x *crossed) Msgsize() int                        { return x.rest.Msgsize() }
func (x *crossed) MarshalMsg(b []byte) ([]byte, error) { return x.rest.MarshalMsg(b) }

func (x *crossed) UnmarshalMsg(b []byte) (_ []byte, err error) {
	if b, err = arrayOf(b, 1+uint32(len(x.fields()))); err != nil {
		return b, err
	}
	if x.rest.ID, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return b, err
	}
	for _, f := range x.fields() {
		if b, err = f.UnmarshalMsg(b); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (x *crossed) Carry(c *engine.Cargo) error {
	var errs []error
	for _, f := range x.fields() {
		errs = append(errs, f.Carry(c))
	}
	return errors.Join(errs...)
}

// A crowd carries any number of ends, in a slice and in a map.
type crowd struct {
	List []engine.Sender[note]
	Map  map[string]engine.Receiver[note]
}

func (c *crowd) Msgsize() int {
	n := 3*msgp.ArrayHeaderSize + len(c.List)*new(engine.Sender[note]).Msgsize()
	for k := range c.Map {
		n += msgp.StringPrefixSize + len(k) + new(engine.Receiver[note]).Msgsize()
	}
	return n
}

func (c *crowd) MarshalMsg(b []byte) (_ []byte, err error) {
	b = msgp.AppendArrayHeader(b, 2)
	b = msgp.AppendArrayHeader(b, uint32(len(c.List)))
	for i := range c.List {
		if b, err = c.List[i].MarshalMsg(b); err != nil {
			return b, err
		}
	}
	b = msgp.AppendMapHeader(b, uint32(len(c.Map)))
	for k, r := range c.Map {
		if b, err = r.MarshalMsg(msgp.AppendString(b, k)); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (c *crowd) UnmarshalMsg(b []byte) (_ []byte, err error) {
	if b, err = arrayOf(b, 2); err != nil {
		return b, err
	}
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return b, err
	}
	c.List = nil
	for range n {
		var s engine.Sender[note]
		if b, err = s.UnmarshalMsg(b); err != nil {
			return b, err
		}
		c.List = append(c.List, s)
	}
	n, b, err = msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return b, err
	}
	c.Map = map[string]engine.Receiver[note]{}
	for range n {
		var k string
		var r engine.Receiver[note]
		if k, b, err = msgp.ReadStringBytes(b); err != nil {
			return b, err
		}
		if b, err = r.UnmarshalMsg(b); err != nil {
			return b, err
		}
		c.Map[k] = r
	}
	return b, nil
}

func (c *crowd) Carry(cargo *engine.Cargo) error {
	for i := range c.List {
		if err := c.List[i].Carry(cargo); err != nil {
			return err
		}
	}
	for k, r := range c.Map {
		if err := r.Carry(cargo); err != nil {
			return err
		}
		c.Map[k] = r
	}
	return nil
}

// A value is a message of one field.
type value[V any] struct{ V engine.Carried[V] }

func (v *value[V]) Msgsize() int                                { return v.V.Msgsize() }
func (v *value[V]) MarshalMsg(b []byte) ([]byte, error)         { return v.V.MarshalMsg(b) }
func (v *value[V]) UnmarshalMsg(b []byte) (_ []byte, err error) { return v.V.UnmarshalMsg(b) }
func (v *value[V]) Carry(c *engine.Cargo) error                 { return v.V.Carry(c) }

// give gives a value away and returns what arrives.
func give[V any](t *T, from, to *engine.Session, v V) V {
	t.Helper()
	return pass(t, from, to, &value[V]{V: engine.Carried[V]{V: v}}).V.V
}

// A careless message is encoded as a value, and does not take it.
type careless struct{ value[io.Reader] }

func (*careless) Carry(*engine.Cargo) error { return nil }

// A files message carries a channel of files.
type files struct {
	Feed engine.Receiver[value[*os.File]]
}

func (f *files) Msgsize() int                                { return f.Feed.Msgsize() }
func (f *files) MarshalMsg(b []byte) ([]byte, error)         { return f.Feed.MarshalMsg(b) }
func (f *files) UnmarshalMsg(b []byte) (_ []byte, err error) { return f.Feed.UnmarshalMsg(b) }
func (f *files) Carry(c *engine.Cargo) error                 { return f.Feed.Carry(c) }

// A drawer carries any number of files.
type drawer struct{ Files []engine.Carried[*os.File] }

func (d *drawer) Msgsize() int {
	return msgp.ArrayHeaderSize + len(d.Files)*new(engine.Carried[*os.File]).Msgsize()
}

func (d *drawer) MarshalMsg(b []byte) (_ []byte, err error) {
	b = msgp.AppendArrayHeader(b, uint32(len(d.Files)))
	for i := range d.Files {
		if b, err = d.Files[i].MarshalMsg(b); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (d *drawer) UnmarshalMsg(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	for ; err == nil && n != 0; n-- {
		var f engine.Carried[*os.File]
		b, err = f.UnmarshalMsg(b)
		d.Files = append(d.Files, f)
	}
	return b, err
}

func (d *drawer) Carry(c *engine.Cargo) error {
	for i := range d.Files {
		if err := d.Files[i].Carry(c); err != nil {
			return err
		}
	}
	return nil
}
