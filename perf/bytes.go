package perf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/measure"
)

// The loops of the byte streams. Each slice is a stream of its own, copied from a reader to it and from it to a writer by
// io.Copy. Reader and writer do with the bytes what the limit does: so the two copies that a program cannot do without,
// from where the bytes are and to where they go, are part of both.

// pusher is the near half: it sends into the streams that the far half offers.
type pusher struct {
	*conversation
	rx   engine.Receiver[offer]
	in   offer
	from source
}

// puller is the far half.
type puller struct {
	*conversation
	tx  engine.Sender[offer]
	out offer
	to  sink
}

func newBytes(ctx context.Context, e *env, c *conversation) (measure.Half, error) {
	buf := make([]byte, Piece)
	if c.side == measure.Near {
		rx, err := engine.Accept[offer](ctx, c.session, back)
		if err != nil {
			return nil, err
		}
		return &pusher{conversation: c, rx: rx, from: source{buf: buf}}, nil
	}
	tx, err := engine.Open[offer](ctx, c.session, back)
	if err != nil {
		return nil, err
	}
	h := &puller{conversation: c, tx: tx, to: sink{buf: buf}}
	h.out.Seq = firstSeq
	return h, nil
}

func (h *pusher) Run(s *measure.Slice) error { return h.ended(h.push(s)) }

func (h *pusher) push(s *measure.Slice) (err error) {
	if err := h.rx.Receive(context.Background(), &h.in); err != nil {
		return err
	}
	w := h.in.Body.V
	defer func() { err = errors.Join(err, w.Close()) }()
	h.from.left = int64(s.Count) * Piece
	s.Begin = h.clock.Now()
	_, err = io.Copy(w, &h.from)
	return err
}

func (h *puller) Run(s *measure.Slice) error { return h.ended(h.pull(s)) }

func (h *puller) pull(s *measure.Slice) error {
	r, w := engine.Stream()
	defer r.Close()
	h.out.Body.V = w
	if err := h.tx.Send(context.Background(), &h.out); err != nil {
		return err
	}
	before := h.to.seq
	n, err := io.Copy(&h.to, r)
	s.End = h.clock.Now()
	if err != nil {
		return err
	}
	if want := int64(s.Count) * Piece; n != want {
		return fmt.Errorf("%w: %d bytes of a stream instead of %d", errMismatch, n, want)
	}
	return check(h.to.seq, before+uint64(s.Count))
}

// source is where the bytes come from: at most so many are left. Every piece begins with its number, from 1.
type source struct {
	buf  []byte
	seq  uint64
	left int64
}

// Read implements io.Reader. No Read goes across the end of a piece.
func (r *source) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	at := (Piece - r.left%Piece) % Piece
	b = b[:min(int64(len(b)), Piece-at)]
	if at == 0 {
		r.seq++
		binary.LittleEndian.PutUint64(r.buf, r.seq)
	}
	measure.Drain(b, r.buf[at:at+int64(len(b))])
	r.left -= int64(len(b))
	return len(b), nil
}

// sink is where the bytes go to.
type sink struct {
	buf []byte
	at  int    // in the piece
	seq uint64 // of the last piece
}

// Write implements io.Writer.
func (w *sink) Write(b []byte) (total int, err error) {
	for total < len(b) {
		n := min(len(b)-total, Piece-w.at)
		measure.Drain(w.buf[w.at:w.at+n], b[total:total+n])
		if w.at += n; w.at == Piece {
			w.at = 0
			w.seq = binary.LittleEndian.Uint64(w.buf)
		}
		total += n
	}
	return total, nil
}
