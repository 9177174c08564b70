package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/fd"
)

// A Carried is a field of a Message that is carried beside it: V is a byte stream or something with a descriptor. Types whose methods
// corechan gen writes need it not: see [Packer].
//
//	type Upload struct {
//		Name string
//		Body engine.Carried[io.ReadCloser]
//		Log  engine.Carried[*os.File]
//	}
//
// T is one of io.Reader, io.ReadCloser, io.Writer, io.WriteCloser, io.ReadWriter, io.ReadWriteCloser, *os.File, net.Conn,
// net.PacketConn, net.Listener and the types of package net that implement them. What has a descriptor is handed over
// as one where the peer is on this machine: the receiver gets an *os.File or net.Conn of its own, and the sender keeps, and
// closes, its own. What has none, or goes further, is moved byte by byte, as long as it lasts: then it is the message's from
// Send on, and is closed at the end if T has a Close.
type Carried[T any] struct {
	V T
	// Gift says that what has a descriptor is the message's too from Send on: the sender's own is closed when it is not needed any
	// more.
	Gift bool
	key  uint32
}

// Carry implements what a Carrier needs of its fields.
func (v *Carried[T]) Carry(c *Cargo) error {
	if c.in {
		ref := v.key
		*v = Carried[T]{}
		if ref == 0 {
			return nil
		}
		got, err := c.takeValue(ref, reflect.TypeFor[T]())
		if err == nil {
			v.V = got.(T)
		}
		return err
	}
	if isNil(v.V) {
		v.key = 0
		return nil
	}
	if v.key == 0 {
		v.key = newKey()
	}
	_, err := c.addValue(v.V, reflect.TypeFor[T](), v.key)
	if err == nil && v.Gift {
		c.gift(v.V)
	}
	return err
}

// gift has the value that was added last closed when it is not needed any more.
func (c *Cargo) gift(v any) {
	it := &c.items[len(c.items)-1]
	switch closer, ok := v.(io.Closer); {
	case !ok:
	case it.kind == kindDescriptor:
		it.gift = closer
	case it.value != nil && !c.within:
		it.value.closer = closer
	}
}

// MarshalMsg implements msgp.Marshaler. Carry comes first.
func (v *Carried[T]) MarshalMsg(b []byte) ([]byte, error) { return appendRef(b, v.key), nil }

// UnmarshalMsg implements msgp.Unmarshaler. The value can be used after Carry.
func (v *Carried[T]) UnmarshalMsg(b []byte) ([]byte, error) {
	ref, rest, err := readRef(b)
	*v = Carried[T]{key: ref}
	return rest, err
}

// Msgsize implements msgp.Sizer.
func (v *Carried[T]) Msgsize() int { return refSize }

func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}

// The types of fields that are carried as streams.
var (
	typeReader          = reflect.TypeFor[io.Reader]()
	typeReadCloser      = reflect.TypeFor[io.ReadCloser]()
	typeWriter          = reflect.TypeFor[io.Writer]()
	typeWriteCloser     = reflect.TypeFor[io.WriteCloser]()
	typeReadWriter      = reflect.TypeFor[io.ReadWriter]()
	typeReadWriteCloser = reflect.TypeFor[io.ReadWriteCloser]()
	typeFile            = reflect.TypeFor[*os.File]()
	typeConn            = reflect.TypeFor[net.Conn]()
	typePacketConn      = reflect.TypeFor[net.PacketConn]()
	typeListener        = reflect.TypeFor[net.Listener]()
)

// addValue adds a stream, or something with a descriptor, that stands in a field of type t.
func (c *Cargo) addValue(v any, t reflect.Type, ref uint32) (uint32, error) {
	switch s := v.(type) {
	case *StreamReader:
		return c.addReader(s, ref)
	case *StreamWriter:
		it := senderItem(s.end, ref)
		it.flags |= entryStream
		return c.add(it)
	}
	if c.within {
		return c.add(item{entry: entry{ref: ref, kind: kindLocal}, value: &foreign{value: v, t: t}})
	}
	if c.descriptors {
		f, err := fd.Of(v)
		if err == nil {
			ref, err := c.add(item{entry: entry{ref: ref, kind: kindDescriptor}, file: f})
			if err != nil {
				_ = f.Close()
			}
			return ref, err
		}
		if !errors.Is(err, fd.ErrNoDescriptor) {
			return 0, fmt.Errorf("engine: give %T away: %w", v, err)
		}
	}
	f := &foreign{value: v}
	if !isStream(v) {
		return 0, errNoStream(v)
	}
	kind, err := f.roles(t)
	if err != nil {
		return 0, err
	}
	return c.add(item{entry: entry{ref: ref, kind: kind, flags: entryStream}, value: f})
}

// addReader adds a stream's reading end, unless bytes of it were read and not asked for.
func (c *Cargo) addReader(s *StreamReader, ref uint32) (uint32, error) {
	if s.given.Load() {
		return 0, errGiven
	}
	s.mu.Lock()
	rest := len(s.rest)
	s.mu.Unlock()
	if rest != 0 && !c.within {
		f := &foreign{value: s, r: s, closer: s}
		return c.add(item{entry: entry{ref: ref, kind: kindReceiver, flags: entryStream}, value: f})
	}
	if rest != 0 {
		return c.add(item{entry: entry{ref: ref, kind: kindLocal}, value: &foreign{value: s, t: typeReadCloser}})
	}
	it := receiverItem(s.end, ref)
	it.flags = entryStream
	return c.add(it)
}

// isStream reports whether the bytes of a value may be moved one after the other: not those of a socket whose packets would run
// into each other, and a listener has none.
func isStream(v any) bool {
	if _, ok := v.(net.Listener); ok {
		return false
	}
	f, err := fd.Of(v)
	if err != nil {
		return true // it is no socket, or not this process's to know
	}
	defer f.Close()
	kind, err := f.Kind()
	return err != nil || kind != fd.KindPacketConn && kind != fd.KindSeqConn && kind != fd.KindListener
}

func errNoStream(v any) error {
	return fmt.Errorf("engine: a %T is no byte stream, and this link carries no descriptors: %w; send its address instead, "+
		"or give it away over a transport within the machine, such as shm", v, errors.ErrUnsupported)
}

// roles finds out which way the bytes of a value go, by the type of its field, and by how a file was opened.
func (f *foreign) roles(t reflect.Type) (entryKind, error) {
	reads, writes, closes := false, false, false
	switch t {
	case typeReader:
		reads = true
	case typeReadCloser:
		reads, closes = true, true
	case typeWriter:
		writes = true
	case typeWriteCloser:
		writes, closes = true, true
	case typeReadWriter:
		reads, writes = true, true
	default:
		reads, writes, closes = true, true, true
	}
	if file, ok := f.value.(*os.File); ok && t == typeFile {
		closes = false // the sender keeps its own, as it does where the descriptor is handed over
		var err error
		if reads, writes, err = accessOf(file); err != nil {
			return 0, err
		}
	}
	f.r, _ = f.value.(io.Reader)
	f.w, _ = f.value.(io.Writer)
	if closes {
		f.closer, _ = f.value.(io.Closer)
	}
	if !reads {
		f.r = nil
	}
	if !writes {
		f.w = nil
	}
	switch {
	case reads && f.r == nil, writes && f.w == nil, !reads && !writes:
		return 0, errNoStream(f.value)
	case reads && writes:
		return kindDuplex, nil
	case reads:
		return kindReceiver, nil
	}
	return kindSender, nil
}

// accessOf says whether a file was opened for reading, and for writing.
func accessOf(f *os.File) (reads, writes bool, err error) {
	c, err := f.SyscallConn()
	if err != nil {
		return false, false, err
	}
	var flags int
	var ferr error
	if err := c.Control(func(n uintptr) { flags, ferr = unix.FcntlInt(n, unix.F_GETFL, 0) }); err != nil {
		return false, false, err
	}
	access := flags & unix.O_ACCMODE
	return access != unix.O_WRONLY, access != unix.O_RDONLY, ferr
}

// takeValue returns the value that a ref stands for, for a field of type t.
func (c *Cargo) takeValue(ref uint32, t reflect.Type) (any, error) {
	it, err := c.find(ref)
	if err != nil {
		return nil, err
	}
	descriptor := it.file != nil
	v, err := it.asValue(t)
	if err != nil {
		return nil, err
	}
	if !reflect.TypeOf(v).AssignableTo(t) {
		closeValue(v)
		return nil, fmt.Errorf("%w: reference %d is a %T, and the field a %v", ErrMalformed, ref, v, t)
	}
	if closer, ok := v.(io.Closer); ok && descriptor {
		c.made = append(c.made, closer)
	}
	return v, nil
}

func (it *item) asValue(t reflect.Type) (any, error) {
	switch {
	case it.value != nil:
		return it.value.value, nil
	case it.file != nil:
		f, ok := it.file.(*fd.FD)
		if !ok {
			return nil, it.wrong(t.String())
		}
		it.file = nil
		v, err := valueOf(f)
		if err != nil {
			_ = f.Close()
		}
		return v, err
	}
	var r *StreamReader
	var s *StreamWriter
	if it.r != nil {
		if it.r.codec != codecRaw {
			return nil, it.wrong(t.String())
		}
		it.r.enc = rawEncoding
		r = newStreamReader(it.r)
	}
	if it.s != nil {
		if it.s.codec != codecRaw && it.s.codec != "" {
			return nil, it.wrong(t.String())
		}
		it.s.setEncoding(rawEncoding)
		s = newStreamWriter(it.s)
	}
	if t == typeFile {
		return fileOf(r, s)
	}
	switch {
	case r != nil && s != nil:
		return &StreamConn{StreamReader: r, StreamWriter: s}, nil
	case r != nil:
		return r, nil
	case s != nil:
		return s, nil
	}
	return nil, it.wrong(t.String())
}

// valueOf turns a descriptor into what the standard library has for it.
func valueOf(f *fd.FD) (any, error) {
	kind, err := f.Kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case fd.KindStreamConn, fd.KindSeqConn, fd.KindPacketConn:
		return f.Conn()
	case fd.KindListener:
		return f.Listener()
	case fd.KindFile: // File would look whether it is a pipe
		n, err := f.Disown()
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(n), "received"), nil
	}
	return f.File("received")
}

// fileOf makes a file of a stream, for a field that is an *os.File: a pipe, or a socket, whose other end is pumped.
func fileOf(r *StreamReader, s *StreamWriter) (*os.File, error) {
	if r != nil && s != nil {
		a, b, err := fd.Socketpair()
		if err != nil {
			return nil, err
		}
		near, err := b.Conn()
		if err != nil {
			_ = a.Close()
			return nil, err
		}
		f := &foreign{value: near, r: near, w: near, closer: near}
		f.start(s.end, r.end)
		return a.File("stream")
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if r != nil {
		(&foreign{value: pw, w: pw, closer: pw}).start(nil, r.end)
		return pr, nil
	}
	(&foreign{value: pr, r: pr, closer: pr}).start(s.end, nil)
	return pw, nil
}
