package engine_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
)

// A parcel is what corechan gen would make of these fields.
type parcel struct {
	Name  string
	Body  io.Reader
	File  *os.File
	Reply engine.Sender[order]
	after func() error // fails after the file was taken
}

func (p *parcel) Carry(c *engine.Cargo) error { return p.Reply.Carry(c) }

func (p *parcel) Pack(b []byte, c *engine.Cargo) (_ []byte, err error) {
	b = msgp.AppendString(msgp.AppendArrayHeader(b, 4), p.Name)
	if b, err = engine.PackValue(b, c, p.Body); err != nil {
		return b, err
	}
	if b, err = engine.PackValue(b, c, p.File); err != nil {
		return b, err
	}
	return p.Reply.MarshalMsg(b)
}

func (p *parcel) Unpack(b []byte, c *engine.Cargo) (_ []byte, err error) {
	if _, b, err = msgp.ReadArrayHeaderBytes(b); err != nil {
		return b, err
	}
	if p.Name, b, err = msgp.ReadStringBytes(b); err != nil {
		return b, err
	}
	if b, err = engine.UnpackValue(b, c, &p.Body); err != nil {
		return b, err
	}
	if b, err = engine.UnpackValue(b, c, &p.File); err != nil {
		return b, err
	}
	if p.after != nil {
		return b, p.after()
	}
	return p.Reply.UnmarshalMsg(b)
}

func TestAPackerCarriesValuesThatKeepNoNumber(t *testing.T) {
	for _, within := range []bool{false, true} {
		ctx := watchdog(t)
		var s engine.Sender[parcel]
		var r engine.Receiver[parcel]
		if within {
			r, s = engine.Pipe[parcel]()
		} else {
			a, b := pair(t, nil)
			s, r = channelOf[parcel](t, a, b, "parcels")
		}
		file := must(os.Open("pack_test.go"))
		answers, reply := engine.Pipe[order]()
		check(t, s.Send(ctx, &parcel{Name: "n", Body: strings.NewReader("body"), File: file, Reply: reply}))
		var got parcel
		check(t, r.Receive(ctx, &got))
		check(t, got.Reply.Send(ctx, &order{ID: 7}))
		var o order
		check(t, answers.Receive(ctx, &o))
		body := must(io.ReadAll(got.Body))
		if got.Name != "n" || string(body) != "body" || o.ID != 7 || got.File == nil {
			t.Errorf("within %v: %q, %q, %d, %v", within, got.Name, body, o.ID, got.File)
		}
		if !within {
			check(t, got.File.Close())
		}
		check(t, file.Close())
		check(t, s.Send(ctx, &parcel{Name: "none"}))
		got = parcel{Body: strings.NewReader("old")}
		check(t, r.Receive(ctx, &got))
		if got.Body != nil || got.File != nil {
			t.Errorf("within %v: %v and %v where nothing was sent", within, got.Body, got.File)
		}
		check(t, s.Close())
	}
}

func TestWhatAPackerHasTakenIsClosedIfItFails(t *testing.T) {
	fds := fdtest.Snapshot(t)
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[parcel](t, a, b, "parcels")
	file := must(os.Open("pack_test.go"))
	check(t, s.Send(ctx, &parcel{File: file}))
	check(t, file.Close())
	bad := errors.New("bad")
	got := parcel{after: func() error { return bad }}
	err := r.Receive(ctx, &got)
	wantErr(t, err, engine.ErrMalformed)
	wantErr(t, err, bad)
	if got.File == nil {
		t.Fatal("the file was not taken")
	}
	wantErr(t, got.File.Close(), os.ErrClosed)
	check(t, s.Close())
	check(t, a.Close())
	check(t, b.Close())
	fds.Check()
}
