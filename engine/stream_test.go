package engine_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/corechan/corechan/engine"
)

// io.Copy reads from a stream by WriteTo, and writes to one by ReadFrom.
func TestCopyMovesAllBytesOfAStream(t *testing.T) {
	ctx := watchdog(t)
	a, b := pair(t, nil)
	s, r := channelOf[ask](t, a, b, "asks")
	back, sink := engine.Stream()
	check(t, s.Send(ctx, &ask{Sink: engine.Carried[io.WriteCloser]{V: sink}}))
	var got ask
	check(t, r.Receive(ctx, &got))
	want := bytes.Repeat([]byte("0123456789"), 100_000)
	sent := result(func() error {
		n, err := io.Copy(got.Sink.V, struct{ io.Reader }{bytes.NewReader(want)})
		if err == nil && n != int64(len(want)) {
			t.Errorf("%d bytes of %d were sent", n, len(want))
		}
		_ = got.Sink.V.Close()
		return err
	})
	var all bytes.Buffer
	n, err := io.Copy(&all, back)
	check(t, err)
	if n != int64(len(want)) || !bytes.Equal(all.Bytes(), want) {
		t.Errorf("%d bytes of %d came", n, len(want))
	}
	check(t, get(t, sent))
}
