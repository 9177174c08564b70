package xml_test

import (
	stdxml "encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/xml"
)

var c xml.Codec

type message struct {
	Name  string    `xml:"name"`
	Ref   codec.Ref `xml:"ref"`
	Attr  codec.Ref `xml:"attr,attr"`
	Refs  []codec.Ref
	Parts []part `xml:"part"`
	Inner *message
	Bytes []byte
	Yes   bool
	Float float64
}

type part struct {
	N    int    `xml:"n,attr"`
	Text string `xml:",chardata"`
}

func example() message {
	return message{
		Name: "<&>\"'\r\n\té", Ref: 7, Attr: 8, Refs: []codec.Ref{1, 0, 2}, Parts: []part{{1, "x"}, {2, " "}},
		Inner: &message{Ref: 9, Bytes: []byte{}}, Bytes: []byte("text"), Yes: true, Float: 0.1,
	}
}

func TestMessagesComeBackWithTheirRefs(t *testing.T) {
	e := example()
	b, err := c.Append([]byte("before"), &e)
	if err != nil || !strings.HasPrefix(string(b), `before<message attr="8"><name>`) {
		t.Fatalf("%s, %v", b, err)
	}
	var got message
	if err := c.Decode(b[len("before"):], &got); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("got  %+v\nwant %+v\n%v", got, e, err)
	}
	type named struct {
		XMLName stdxml.Name `xml:"order"`
		ID      int
	}
	if b, err := c.Append(nil, &named{ID: 1}); err != nil || string(b) != "<order><ID>1</ID></order>" {
		t.Errorf("%s, %v", b, err)
	}
	ref := codec.Ref(5)
	b, err = c.Append(nil, &ref)
	ref = 0
	if err != nil || c.Decode(b, &ref) != nil || ref != 5 {
		t.Errorf("%s, %d, %v", b, ref, err)
	}
	anonymous := struct{ A struct{ B int } }{}
	if err := c.Decode([]byte("<?xml version=\"1.0\"?><x><A><B>1</B></A></x><!-- end --> \n"), &anonymous); err != nil || anonymous.A.B != 1 {
		t.Errorf("%v, %v", anonymous, err)
	}
}

var hostile = map[string]struct {
	payload string
	cause   error
}{
	"nothing":            {"", codec.ErrTruncated},
	"10,000 elements":    {strings.Repeat("<Inner>", 10_000) + strings.Repeat("</Inner>", 10_000), codec.ErrDepth},
	"10,000 open ones":   {strings.Repeat("<a x='>'>", 10_000), codec.ErrDepth},
	"two messages":       {"<message/><message/>", codec.ErrTrailing},
	"text after it":      {"<message/>x", codec.ErrTrailing},
	"an end after it":    {"<message/></message>", codec.ErrTrailing},
	"no UTF-8":           {"<message>\xff</message>", codec.ErrText},
	"another's encoding": {"<?xml version='1.0' encoding='latin1'?><message/>", codec.ErrPayload},
	"a bomb":             {`<!DOCTYPE x [<!ENTITY a "aaaa">]><message>&a;</message>`, codec.ErrPayload},
	"an entity":          {"<message>&a;</message>", codec.ErrPayload},
	"a wrong end":        {"<message></other>", codec.ErrPayload},
	"text":               {"hello", codec.ErrPayload},
	"a Ref of text":      {"<message><ref>x</ref></message>", codec.ErrRef},
	"a Ref of 0":         {"<message attr='0'/>", codec.ErrRef},
	"a bad number":       {"<message><Float>x</Float></message>", codec.ErrPayload},
}

func TestHostilePayloadsAreRefusedByName(t *testing.T) {
	for name, h := range hostile {
		if err := c.Decode([]byte(h.payload), new(message)); !errors.Is(err, codec.ErrPayload) || !errors.Is(err, h.cause) {
			t.Errorf("%s: %v", name, err)
		}
	}
	flat := "<message>" + strings.Repeat("<x/><!-- <a> --><![CDATA[<a>]]>", 5000) + "</message>"
	if err := c.Decode([]byte(flat), new(message)); err != nil {
		t.Error(err)
	}
}

func TestATruncatedPayloadIsRefusedAtEveryByte(t *testing.T) {
	e := example()
	b, _ := c.Append(nil, &e)
	for i := range b {
		if err := c.Decode(b[:i], new(message)); !errors.Is(err, codec.ErrPayload) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
}

func TestTypesWithoutAFormAreRefusedByName(t *testing.T) {
	for want, v := range map[string]any{
		".A: XML does not say":              &struct{ A any }{},
		".R: XML does not say":              &struct{ R io.Reader }{},
		".M: encoding/xml has no form for":  &struct{ M map[string]int }{},
		".L: encoding/xml has no form":      &struct{ L [][2]int }{},
		".F: XML has no form for func":      &struct{ F func() }{},
		".I: struct { X interface {} }.X: ": &struct{ I *struct{ X any } }{},
	} {
		if err := c.Check(reflect.TypeOf(v).Elem()); !errors.Is(err, codec.ErrType) || !strings.Contains(err.Error(), want) {
			t.Errorf("Check(%T): %v", v, err)
		}
		if _, err := c.Append(nil, v); !errors.Is(err, codec.ErrType) {
			t.Errorf("Append(%T): %v", v, err)
		}
		if err := c.Decode([]byte("<x/>"), v); !errors.Is(err, codec.ErrType) {
			t.Errorf("Decode(%T): %v", v, err)
		}
	}
	for _, v := range []any{nil, 1, (*int)(nil)} {
		if _, err := c.Append(nil, v); !errors.Is(err, codec.ErrType) {
			t.Errorf("Append(%T): %v", v, err)
		}
	}
}

func TestWhatWouldNotComeBackIsNotEncoded(t *testing.T) {
	for _, s := range []string{"\xff", "\x00", "\ufffd", "\x1b[0m"} {
		if b, err := c.Append(nil, &message{Name: s}); !errors.Is(err, codec.ErrText) {
			t.Errorf("%q: %s, %v", s, b, err)
		}
		if b, err := c.Append(nil, &message{Bytes: []byte(s)}); !errors.Is(err, codec.ErrText) {
			t.Errorf("%q: %s, %v", s, b, err)
		}
	}
	deep := &message{}
	for range codec.MaxDepth + 1 {
		deep = &message{Inner: deep}
	}
	if _, err := c.Append(nil, deep); !errors.Is(err, codec.ErrDepth) {
		t.Error(err)
	}
	loop := &message{}
	loop.Inner = loop
	if _, err := c.Append(nil, loop); !errors.Is(err, codec.ErrDepth) {
		t.Error(err)
	}
}

func TestAPointerBackThatIsNotWrittenDoesNoHarm(t *testing.T) {
	type child struct {
		Kids   []*child
		parent *child
		Parent *child `xml:"-"`
	}
	top := &child{}
	top.Kids = []*child{{parent: top, Parent: top}}
	if b, err := c.Append(nil, top); err != nil || top.Kids[0].parent != top {
		t.Errorf("%s, %v", b, err)
	}
}

// FuzzDecode decodes any bytes. What is accepted and can be encoded decodes as the same.
func FuzzDecode(f *testing.F) {
	for _, h := range hostile {
		if len(h.payload) < 100 {
			f.Add([]byte(h.payload))
		}
	}
	e := example()
	b, _ := c.Append(nil, &e)
	f.Add(b)
	f.Fuzz(func(t *testing.T, payload []byte) {
		v := new(message)
		if err := c.Decode(payload, v); err != nil {
			if !errors.Is(err, codec.ErrPayload) {
				t.Error(err)
			}
			return
		}
		first, err := c.Append(nil, v)
		if errors.Is(err, codec.ErrText) {
			return // a U+FFFD
		}
		if err != nil {
			t.Fatalf("decoded, not encoded: %v", err)
		}
		back := new(message)
		if err := c.Decode(first, back); err != nil {
			t.Fatalf("encoded, not decoded: %v", err)
		}
		if second, err := c.Append(nil, back); err != nil || string(second) != string(first) {
			t.Fatalf("%s, then %s, %v", first, second, err)
		}
	})
}
