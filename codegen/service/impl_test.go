package service_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/shop"
)

// A store is a Shop.
type store struct {
	logs    chan string
	waiting chan struct{} // has a value when Wait has begun
	ended   chan error    // has its context's cause when it ends
	digest  chan io.Reader
}

func newStore() *store {
	return &store{logs: make(chan string, 16), waiting: make(chan struct{}, 4096), ended: make(chan error, 4096), digest: make(chan io.Reader, 1)}
}

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func (*store) Place(_ context.Context, o *shop.Order) (*shop.Fill, error) {
	if o == nil {
		return nil, nil
	}
	return &shop.Fill{ID: o.ID + 1, At: noon}, nil
}

func (*store) Value(_ context.Context, o shop.Order) (shop.Fill, error) {
	return shop.Fill{ID: o.ID + 2, At: noon}, nil
}
func (*store) Touch(context.Context) error        { return nil }
func (*store) Count(context.Context) (int, error) { return 7, nil }

func (*store) Many(_ context.Context, id uint64, side shop.Side, price float64, note string, at time.Time, wait time.Duration, key []byte) (int64, bool, error) {
	if note != "note" || !at.Equal(noon) || wait != time.Second || !bytes.Equal(key, []byte("key")) {
		return 0, false, fmt.Errorf("%q %v %v %q", note, at, wait, key)
	}
	return int64(id) + int64(side) + int64(price), true, nil
}

func (*store) Lists(_ context.Context, orders []*shop.Order, byName map[string]shop.Order, pair [2]int32, opt *string, x any) ([]shop.Fill, map[uint32][]string, error) {
	var fills []shop.Fill
	for _, o := range orders {
		if o != nil {
			fills = append(fills, shop.Fill{ID: o.ID, At: noon})
		}
	}
	m := map[uint32][]string{1: nil, 2: {}, 3: {fmt.Sprint(byName["a"].ID, pair, x)}}
	if opt != nil {
		m[3] = append(m[3], *opt)
	}
	return fills, m, nil
}

func (*store) Sum(_ context.Context, numbers ...int64) (sum int64, err error) {
	for _, n := range numbers {
		sum += n
	}
	return sum, nil
}

func (*store) Watch(_ context.Context, count int) (engine.Receiver[shop.Order], error) {
	r, s := engine.Pipe[shop.Order]()
	go func() {
		defer s.Close()
		for i := range count {
			if s.Send(context.Background(), &shop.Order{ID: uint64(i)}) != nil {
				return
			}
		}
	}()
	return r, nil
}

func (*store) Drain(ctx context.Context, in engine.Receiver[shop.Order]) (n int, err error) {
	for _, err := range in.All(ctx) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (*store) Feed(ctx context.Context, out engine.Sender[shop.Order], count int) error {
	for i := range count {
		if err := out.Send(ctx, &shop.Order{ID: uint64(i)}); err != nil {
			return err
		}
	}
	return out.Close()
}

func (*store) Upper(_ context.Context, in io.ReadCloser) (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() {
		defer in.Close()
		b, err := io.ReadAll(in)
		_, _ = w.Write(bytes.ToUpper(b))
		_ = w.CloseWithError(err)
	}()
	return r, nil
}

func (s *store) Digest(_ context.Context, in io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, in)
	s.digest <- in
	return hex.EncodeToString(h.Sum(nil)), err
}

func (*store) Dump(_ context.Context, out io.Writer, count int) error {
	_, err := io.WriteString(out, strings.Repeat("x", count))
	return err
}

func (*store) Talk(_ context.Context, with io.ReadWriteCloser) error {
	defer with.Close()
	_, err := io.Copy(with, with)
	return err
}

func (*store) Size(_ context.Context, f *os.File) (int64, error) {
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return i.Size(), nil
}
func (*store) Open(_ context.Context, name string) (*os.File, error) { return os.Open(name) }

func (*store) Greet(_ context.Context, c net.Conn) error {
	_, err := io.WriteString(c, "hello")
	return errors.Join(err, c.Close())
}

func (*store) Upload(_ context.Context, u *shop.Upload) (int, error) {
	b, err := io.ReadAll(u.Body)
	rpc.Release(u.Body)
	return len(u.Name) + len(b), err
}

func (s *store) UploadValue(ctx context.Context, u shop.Upload) (*shop.Upload, error) {
	n, err := s.Upload(ctx, &u)
	return &shop.Upload{Name: fmt.Sprint(n), Body: strings.NewReader("back")}, err
}

func (*store) Subscribe(ctx context.Context, l shop.Listener, count int) error {
	if l == nil {
		return errors.New("nobody listens")
	}
	defer rpc.Release(l)
	for i := range count {
		if err := l.Filled(ctx, &shop.Fill{ID: uint64(i)}); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) Session(_ context.Context, name string) (shop.Listener, error) {
	if name == "" {
		return nil, nil
	}
	return &shop.FakeListener{FilledFunc: func(_ context.Context, f *shop.Fill) error {
		s.logs <- fmt.Sprint(name, f.ID)
		return nil
	}}, nil
}

func (s *store) Log(ctx context.Context, text string) error {
	if h := engine.HeaderFrom(ctx); h != nil {
		text += " " + h["tenant"]
	}
	s.logs <- text
	return nil
}

func (*store) Fail(_ context.Context, kind string) error {
	switch kind {
	case "rejected":
		return fmt.Errorf("order: %w", &shop.Rejected{ID: 3, Reason: "late"})
	case "closed":
		return shop.Closed{Until: noon}
	case "plain":
		return errors.New("plain")
	case "own":
		return fmt.Errorf("wrapped: %w", &rpc.Error{Code: 300, Text: "mine"})
	case "panic":
		panic("ouch")
	case "canceled":
		return context.Canceled
	case "deadline":
		return fmt.Errorf("too late: %w", context.DeadlineExceeded)
	}
	return nil
}

func (s *store) Wait(ctx context.Context) error {
	s.waiting <- struct{}{}
	<-ctx.Done()
	s.ended <- context.Cause(ctx)
	return ctx.Err()
}
