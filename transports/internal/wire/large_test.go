package wire_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

// A parcel is a message that ends with its largest field, and a filed one carries a descriptor too.
type parcel struct {
	Sender, N uint64
	Body      []byte
}

func (z *parcel) Msgsize() int { return 1 + 9 + 9 + 5 + len(z.Body) }

func (z *parcel) MarshalHead(b []byte) (head, tail []byte, err error) {
	b = append(b, 0x93)
	b = msgp.AppendUint64(b, z.Sender)
	b = msgp.AppendUint64(b, z.N)
	return msgp.AppendBytesHeader(b, uint32(len(z.Body))), z.Body, nil
}

func (z *parcel) MarshalMsg(b []byte) ([]byte, error) {
	head, tail, err := z.MarshalHead(b)
	return append(head, tail...), err
}

func (z *parcel) TailMsg(v *parcel) (key string, field *[]byte) { return "", &v.Body }

func (z *parcel) UnmarshalMsg(b []byte) (rest []byte, err error) {
	var n uint32
	if n, b, err = msgp.ReadArrayHeaderBytes(b); err != nil {
		return b, err
	}
	if n != 3 {
		return b, msgp.ArrayError{Wanted: 3, Got: n}
	}
	if z.Sender, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return b, err
	}
	if z.N, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return b, err
	}
	z.Body, b, err = msgp.ReadBytesBytes(b, z.Body)
	return b, err
}

// filler is what bodies are made of: a body begins somewhere in it, as its message's number says.
var filler = func() []byte {
	b := make([]byte, 1<<20)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}()

func bodyOf(sender, n uint64, size int) []byte {
	at := int((sender*7919 + n*104729) % (1 << 19))
	return filler[at : at+size]
}

// sizeOf is a size around those from which on large messages are treated in another way, or a small one.
func sizeOf(r *rand.Rand) int {
	switch r.IntN(4) {
	case 0:
		return r.IntN(200)
	case 1:
		return 64<<10 - 40 + r.IntN(80)
	case 2:
		return r.IntN(120 << 10)
	}
	return 64<<10 + r.IntN(160<<10)
}

// TestLargeMessagesAreWhole has both sides of sessions send at once: messages of all sizes, as bytes and as messages with a large
// last field, from several goroutines, and descriptors among them, over sockets that take all of a message, some of it, or next to
// nothing. Receivers use their memory again, and some give up in the middle. All that comes is whole and in order.
func TestLargeMessagesAreWhole(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		for _, narrow := range []bool{false, true} {
			for _, wait := range []engine.Wait{engine.Block, engine.Hybrid} {
				t.Run(fmt.Sprintf("%s/narrow=%v/%v", network, narrow, wait), func(t *testing.T) {
					residue(t)
					messages := 60
					if narrow {
						messages = 15
					}
					if soak {
						messages *= 50
					}
					ctx := watchdog(t)
					fa, fb := sockets(t, network)
					if narrow {
						narrowed(fa, fb)
					}
					o := ring.Options{Capacity: 256 << 10}
					if network == "tcp" {
						o.Capacity = 1 << 20
					}
					limits := engine.Limits{Window: 1 << 20, MaxMessage: 256<<10 - 64}
					a := session(t, stream(network, fa), newEngine(t, engine.Config{Wait: wait, Limits: limits}), true, o)
					b := session(t, stream(network, fb), newEngine(t, engine.Config{Wait: wait, Limits: limits}), false, o)
					var all sync.WaitGroup
					for i, s := range [][2]*engine.Session{{a, b}, {b, a}} {
						for k := range uint64(2) {
							sender := uint64(i)*10 + k
							all.Go(func() { sendParcels(ctx, t, s[0], sender, messages) })
							all.Go(func() { receiveParcels(ctx, t, s[1], sender, messages) })
						}
						sender := uint64(i)*10 + 5
						all.Go(func() { sendBytes(ctx, t, s[0], sender, messages) })
						all.Go(func() { receiveBytes(ctx, t, s[1], sender, messages) })
						if network == "unix" {
							all.Go(func() { sendFiles(ctx, t, s[0], fmt.Sprint("f", i), messages) })
							all.Go(func() { receiveFiles(ctx, t, s[1], fmt.Sprint("f", i), messages) })
						}
					}
					all.Wait()
				})
			}
		}
	}
}

func sendParcels(ctx context.Context, t *testing.T, s *engine.Session, sender uint64, messages int) {
	r := rand.New(rand.NewPCG(sender, 1))
	out := must(engine.Open[parcel](ctx, s, fmt.Sprint("p", sender)))
	for n := range uint64(messages) {
		if err := out.Send(ctx, &parcel{sender, n, bodyOf(sender, n, sizeOf(r))}); err != nil {
			t.Errorf("send %d of %d: %v", n, sender, err)
			return
		}
	}
	_ = out.Close()
}

func receiveParcels(ctx context.Context, t *testing.T, s *engine.Session, sender uint64, messages int) {
	r, impatience := rand.New(rand.NewPCG(sender, 1)), rand.New(rand.NewPCG(sender, 2))
	in := must(engine.Accept[parcel](ctx, s, fmt.Sprint("p", sender)))
	got := parcel{Body: make([]byte, 0, 100<<10)}
	for n := uint64(0); ; {
		err := impatiently(ctx, impatience, func(ctx context.Context) error { return in.Receive(ctx, &got) })
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			continue
		case errors.Is(err, io.EOF) && n == uint64(messages):
			return
		case err != nil:
			t.Errorf("receive %d of %d: %v", n, sender, err)
			return
		}
		if want := bodyOf(sender, n, sizeOf(r)); got.Sender != sender || got.N != n || !bytes.Equal(got.Body, want) {
			t.Errorf("message %d of %d came as %d of %d, with %d bytes instead of %d", n, sender, got.N, got.Sender, len(got.Body), len(want))
			return
		}
		n++
	}
}

// impatiently gives most calls all the time, and some next to none.
func impatiently(ctx context.Context, r *rand.Rand, f func(context.Context) error) error {
	if r.IntN(3) != 0 {
		return f(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.IntN(500))*time.Microsecond)
	defer cancel()
	return f(ctx)
}

func sendBytes(ctx context.Context, t *testing.T, s *engine.Session, sender uint64, messages int) {
	r := rand.New(rand.NewPCG(sender, 1))
	out := must(engine.Open[engine.Raw](ctx, s, fmt.Sprint("p", sender)))
	for n := range uint64(messages) {
		m := engine.Raw(bodyOf(sender, n, sizeOf(r)))
		if err := out.Send(ctx, &m); err != nil {
			t.Errorf("send %d of %d: %v", n, sender, err)
			return
		}
	}
	_ = out.Close()
}

func receiveBytes(ctx context.Context, t *testing.T, s *engine.Session, sender uint64, messages int) {
	r, impatience := rand.New(rand.NewPCG(sender, 1)), rand.New(rand.NewPCG(sender, 2))
	in := must(engine.Accept[engine.Raw](ctx, s, fmt.Sprint("p", sender)))
	var got engine.Raw
	for n := uint64(0); ; {
		err := impatiently(ctx, impatience, func(ctx context.Context) error { return in.Receive(ctx, &got) })
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			continue
		case errors.Is(err, io.EOF) && n == uint64(messages):
			return
		case err != nil:
			t.Errorf("receive %d of %d: %v", n, sender, err)
			return
		}
		if want := bodyOf(sender, n, sizeOf(r)); !bytes.Equal(got, want) {
			t.Errorf("message %d of %d came with %d bytes instead of %d, or others", n, sender, len(got), len(want))
			return
		}
		n++
	}
}

// A filed message carries a file.
type filed struct {
	N    uint64
	File *os.File
}

// sendFiles sends files, each of which has its message's number in it.
func sendFiles(ctx context.Context, t *testing.T, s *engine.Session, name string, messages int) {
	out := must(engine.Open[filed](ctx, s, name))
	for n := range uint64(messages) {
		f := must(os.CreateTemp(t.TempDir(), ""))
		_ = must(f.Write(binary.LittleEndian.AppendUint64(nil, n)))
		if err := out.Send(ctx, &filed{n, f}); err != nil {
			_ = f.Close()
			t.Errorf("send file %d: %v", n, err)
			return
		}
	}
	_ = out.Close()
}

func receiveFiles(ctx context.Context, t *testing.T, s *engine.Session, name string, messages int) {
	in := must(engine.Accept[filed](ctx, s, name))
	for n := uint64(0); ; n++ {
		var got filed
		err := in.Receive(ctx, &got)
		if errors.Is(err, io.EOF) && n == uint64(messages) {
			return
		}
		if err != nil {
			t.Errorf("receive file %d: %v", n, err)
			return
		}
		var b [8]byte
		_, err = got.File.ReadAt(b[:], 0)
		_ = got.File.Close()
		if in := binary.LittleEndian.Uint64(b[:]); err != nil || got.N != n || in != n {
			t.Errorf("file %d came with message %d and has %d in it: %v", n, got.N, in, err)
			return
		}
	}
}
