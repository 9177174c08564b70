package browsertest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"github.com/corechan/corechan/perf/dash"
	"github.com/corechan/corechan/perf/probe"
)

// hello is what a server answers with: PROTOCOL.md, section 4.
func hello(version uint16) []byte {
	b := make([]byte, 40)
	copy(b, "hanHello")
	binary.LittleEndian.PutUint16(b[8:], version)
	binary.LittleEndian.PutUint16(b[10:], 1)
	binary.LittleEndian.PutUint32(b[12:], 40)
	binary.LittleEndian.PutUint32(b[16:], 4096)
	binary.LittleEndian.PutUint32(b[20:], 4096)
	return b
}

func refuse(text string) []byte {
	b := append(hello(1)[:16], text...)
	binary.LittleEndian.PutUint16(b[10:], 2)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(b)))
	return b
}

// frame is one of a link, with what stands behind it: PROTOCOL.md, sections 6 and 15.
func frame(typ, flags byte, channel, argument uint32, payload string) []byte {
	b := make([]byte, 16, 16+len(payload)+7)
	b[4], b[5] = typ, flags
	binary.LittleEndian.PutUint32(b[8:], channel)
	binary.LittleEndian.PutUint32(b[12:], argument)
	b = append(b, payload...)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	return append(b, make([]byte, -len(b)&7)...)
}

const (
	open, data, closing, goaway = 1, 2, 4, 8
	opening                     = "\x04json\x04dash"
)

// greeted is a server that behaves until it sends something.
func greeted(frames ...[]byte) []byte {
	return append(append(hello(1), frame(open, 0, 2, 0, opening)...), bytes.Join(frames, nil)...)
}

// TestWhateverAServerSendsThePageSaysWhatIsWrong has a server that sends one thing after the other that it should not.
func TestWhateverAServerSendsThePageSaysWhatIsWrong(t *testing.T) {
	p := must(probe.Start(probe.Config{Groups: []probe.Group{probe.Steal}}))
	defer p.Close()
	d := must(dash.New(dash.Config{Probe: p}))
	defer d.Close()
	huge := frame(data, 0, 2, 0, "{}")
	binary.LittleEndian.PutUint32(huge, 1<<31)
	short := frame(data, 0, 2, 0, "{}")
	binary.LittleEndian.PutUint32(short, 3)
	carries := frame(data, 0, 2, 0, "{}")
	carries[6] = 1
	cases := []struct {
		sends []byte
		says  string
	}{
		{nil, "the connection is lost"},
		{[]byte("HTTP/1.1 200 OK and more"), "what answers is not a corechan server"},
		{refuse("the house is full"), "the server refuses: the house is full"},
		{hello(2), "the server speaks version 2"},
		{greeted(short), "a frame of 3 bytes"},
		{greeted(huge), "a frame of 2147483648 bytes"},
		{greeted(frame(77, 0, 2, 0, "")), "a frame of type 77"},
		{greeted(carries), "descriptors"},
		{greeted(frame(open, 1, 4, 0, opening)), "a lane"},
		{greeted(frame(data, 0, 2, 1, "................{}")), "a message that carries something"},
		{greeted(frame(data, 0, 2, 0, "{")), "JSON"},
		{greeted(frame(data, 1, 2, 0, `{"kind":"nonsense"}`)), "the server has ended this"},
		{greeted(frame(closing, 0, 2, 5, "nothing was read for 10s")), "nothing was read for 10s"},
		{greeted(frame(goaway, 0, 0, 8, "the dashboard has ended")), "the dashboard has ended"},
		{greeted(frame(data, 0, 99, 0, "of no channel"), frame(goaway, 0, 0, 0, "")), "the server has closed the session"},
	}
	var turn atomic.Int64
	mux := http.NewServeMux()
	mux.Handle("/", d)
	mux.HandleFunc("/session", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"corechan.v1"}})
		if err != nil {
			return
		}
		_, _, _ = c.Read(r.Context())                          // its HELLO
		for rest := cases[turn.Load()].sends; len(rest) > 0; { // in pieces, as where one ends means nothing
			n := 1 + rand.IntN(len(rest))
			_ = c.Write(r.Context(), websocket.MessageBinary, rest[:n])
			rest = rest[n:]
		}
		_ = c.Close(websocket.StatusNormalClosure, "")
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	b := openTab(t)
	b.do(chromedp.Navigate(srv.URL))
	for i, c := range cases {
		turn.Store(int64(i))
		eval[bool](b, `document.getElementById('retry').click(), true`)
		b.says("trouble-text", c.says)
	}
	b.says("said", "kind is neither about nor sample")
}

// TestPercentilesAreThoseOfTheProbe compares the page's arithmetic with package probe's.
func TestPercentilesAreThoseOfTheProbe(t *testing.T) {
	s := startServer(t, freeAddr(), nil, "--groups", "steal")
	b := openTab(t)
	b.do(chromedp.Navigate(s.url))
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var h probe.Histogram
		for range 1 + random.IntN(2000) {
			h.Record(time.Duration(1) << random.IntN(36) * time.Duration(1+random.IntN(1000)) / 1000)
		}
		var pairs []uint64
		for high, n := range h.Buckets {
			bucket := bucketBelow(uint64(high))
			pairs = append(pairs, bucket, n)
		}
		for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
			got := eval[float64](b, fmt.Sprintf(`import('./histogram.js').then(({Histogram}) => new Histogram().add({n: %d, sum: %d, max: %d, b: %s}).quantile(%g))`,
				h.Count(), h.Sum(), h.Max(), must(json.Marshal(pairs)), q))
			if want := float64(h.Quantile(q)); got < want-1 || got > want+1 {
				t.Errorf("quantile %g is %g in the page, and %g in package probe", q, got, want)
			}
		}
	}
}

// bucketBelow returns the number of the bucket that ends at high: see package probe's documentation.
func bucketBelow(high uint64) uint64 {
	for i := uint64(0); ; i++ {
		low, width := i, uint64(1)
		if i >= 32 {
			low, width = (32+i%32)<<(i/32-1), 1<<(i/32-1)
		}
		if low+width == high {
			return i
		}
	}
}
