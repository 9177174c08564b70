package dash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/codec"
	jsoncodec "github.com/corechan/corechan/engine/codec/json"
	"github.com/corechan/corechan/perf/probe"
	"github.com/corechan/corechan/transports/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// never is an interval within which no test takes a sample by itself.
const never = time.Minute

// startDash makes a Dash whose samples are made by the test.
func startDash(t *testing.T, c Config, take taker) *Dash {
	t.Helper()
	if c.Interval == 0 {
		c.Interval, c.Keep = never, 15*time.Minute
	}
	if take == nil {
		take = func() (func(grain) *Sample, error) {
			return func(grain) *Sample { return &Sample{Kind: "sample", Time: time.Now().UnixMilli(), Cores: []Core{}} }, nil
		}
	}
	d := must(start(c, []probe.Status{{Group: probe.RunQueue, State: probe.Failed, Why: "needs a miracle"}}, take))
	t.Cleanup(func() {
		if err := d.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return d
}

func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// dial makes a session as a page does.
func dial(t *testing.T, srv *httptest.Server, query string, header http.Header) (*engine.Session, error) {
	t.Helper()
	eng := must(engine.New(engine.Config{Codecs: []codec.Codec{jsoncodec.Codec{}}, Codec: jsoncodec.Codec{}}))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = eng.Shutdown(ctx)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	o := &ws.Options{Engine: eng, Header: header}
	o.Ring.Capacity = 2 * sampleSize
	return ws.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http")+"/session"+query, o)
}

func accept(t *testing.T, s *engine.Session) engine.Receiver[json.RawMessage] {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return must(engine.Accept[json.RawMessage](ctx, s, ChannelName))
}

func receive[T any](t *testing.T, from engine.Receiver[json.RawMessage]) (v T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var b json.RawMessage
	if err := from.Receive(ctx, &b); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// logged is a logger that remembers.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

var errTest = errors.New("the probe is out of order")

func padded(n int) taker {
	return func() (func(grain) *Sample, error) {
		return func(grain) *Sample {
			return &Sample{Kind: "sample", Cores: []Core{}, Trouble: []string{strings.Repeat("x", n), fmt.Sprint(n)}}
		}, nil
	}
}
