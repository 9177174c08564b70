package golden

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corechan/corechan/codegen/internal/golden/other"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/inmem"
)

// channel returns the two ends of a channel over a session, or of a Pipe.
func channel[T any](t *testing.T, within bool) (engine.Sender[T], engine.Receiver[T]) {
	t.Helper()
	if within {
		r, s := engine.Pipe[T]()
		t.Cleanup(func() { _ = s.Close() })
		return s, r
	}
	a, b, err := inmem.Pair(nil)
	check(t, err)
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	s, err := engine.Open[T](t.Context(), a, "messages")
	check(t, err)
	r, err := engine.Accept[T](t.Context(), b, "messages")
	check(t, err)
	return s, r
}

func TestEndsArriveAtAllPlaces(t *testing.T) {
	for _, within := range []bool{false, true} {
		s, r := channel[Order](t, within)
		var ends []engine.Receiver[Fill]
		end := func() engine.Sender[Fill] {
			r, s := engine.Pipe[Fill]()
			ends = append(ends, r)
			return s
		}
		pointed := end()
		replies := map[string]engine.Receiver[Fill]{}
		fills, toFills := engine.Pipe[Fill]()
		replies["r"] = fills
		near, far := net.Pipe()
		order := &Order{
			ID: 7, Reply: end(), List: []engine.Sender[Fill]{end(), {}, end()}, Map: replies, Pointer: &pointed,
			Conn: engine.Carried[net.Conn]{V: far}, Sub: &Sub{end()}, Subs: map[string]Sub{"s": {end()}}, SubList: [2]Sub{{end()}, {}},
			Holder: Holder{End: end(), Count: 3}, Nested: []map[string]*Sub{{"n": {end()}}},
		}
		check(t, s.Send(t.Context(), order))
		got := new(Order)
		check(t, r.Receive(t.Context(), got))
		senders := []engine.Sender[Fill]{
			*got.Pointer, got.Reply, got.List[0], got.List[2], got.Sub.End, got.Subs["s"].End, got.SubList[0].End, got.Holder.End,
			got.Nested[0]["n"].End,
		}
		for i, s := range senders {
			check(t, s.Send(t.Context(), &Fill{uint64(i)}))
			var f Fill
			check(t, ends[i].Receive(t.Context(), &f))
			if f.ID != uint64(i) {
				t.Errorf("within %v: end %d got %d", within, i, f.ID)
			}
		}
		check(t, toFills.Send(t.Context(), &Fill{99}))
		var f Fill
		fromMap := got.Map["r"]
		check(t, fromMap.Receive(t.Context(), &f))
		go func() { _, _ = near.Write([]byte("over")) }()
		text := make([]byte, 4)
		_, err := io.ReadFull(got.Conn.V, text)
		check(t, err)
		if f.ID != 99 || string(text) != "over" || got.List[1] != (engine.Sender[Fill]{}) || got.Holder.Count != 3 {
			t.Errorf("within %v: %d, %q, %+v", within, f.ID, text, got.List[1])
		}
		check(t, got.Conn.V.Close())
		_ = near.Close()
	}
}

func TestStreamsAndFilesArriveAtAllPlaces(t *testing.T) {
	for _, within := range []bool{false, true} {
		s, r := channel[Upload](t, within)
		open := func(name string) *os.File {
			path := filepath.Join(t.TempDir(), name)
			check(t, os.WriteFile(path, []byte(name), 0o600))
			f, err := os.Open(path)
			check(t, err)
			return f
		}
		read := func(r io.Reader, want string) {
			t.Helper()
			b, err := io.ReadAll(r)
			if err != nil || string(b) != want {
				t.Errorf("within %v: %q, %v, and not %q", within, b, err, want)
			}
		}
		log, one, two := open("log"), open("one"), open("two")
		replies, reply := engine.Pipe[Fill]()
		moneys, money := engine.Pipe[other.Money]()
		up := &Upload{
			Name: "n", Log: log, Body: io.NopCloser(strings.NewReader("body")), Files: []*os.File{one, nil, two},
			Parts: []Part{{}, {Reader: strings.NewReader("part")}}, Level: Level{1, 2},
			Parcel: other.Parcel{Body: strings.NewReader("parcel"), Reply: money},
		}
		up.Inline.Reader, up.Inline.End = strings.NewReader("inline"), reply
		check(t, s.Send(t.Context(), up))
		got := new(Upload)
		check(t, r.Receive(t.Context(), got))
		read(got.Log, "log")
		read(got.Body, "body")
		read(got.Files[0], "one")
		read(got.Files[2], "two")
		read(got.Parts[1].Reader, "part")
		read(got.Inline.Reader, "inline")
		read(got.Parcel.Body, "parcel")
		check(t, got.Inline.End.Send(t.Context(), &Fill{5}))
		check(t, got.Parcel.Reply.Send(t.Context(), &other.Money{Units: 6}))
		var f Fill
		var m other.Money
		check(t, replies.Receive(t.Context(), &f))
		check(t, moneys.Receive(t.Context(), &m))
		if f.ID != 5 || m.Units != 6 || got.Files[1] != nil || got.Parts[0].Reader != nil || got.Name != "n" || got.Level != (Level{1, 2}) {
			t.Errorf("within %v: %d, %d, %+v", within, f.ID, m.Units, got)
		}
		for _, f := range []*os.File{log, one, two, got.Log, got.Files[0], got.Files[2]} {
			_ = f.Close()
		}
		_ = got.Body.Close()
		check(t, s.Close())
	}
}
