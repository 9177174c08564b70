package service_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/internal/shop"
	"github.com/corechan/corechan/transports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// urls are addresses of the transports that services are tested over.
func urls(t testing.TB) map[string]string {
	name := t.Name()
	if len(name) > 60 {
		name = name[:60]
	}
	return map[string]string{"inmem": "inmem://" + name, "shm": "shm://@" + name}
}

// both runs a test over each transport.
func both(t *testing.T, f func(t *testing.T, url string)) {
	for kind, url := range urls(t) {
		t.Run(kind, func(t *testing.T) {
			fdtest.Snapshot(t)
			f(t, url)
		})
	}
}

// watchdog returns a context that ends before a hanging test does.
func watchdog(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// pair returns both ends of a session.
func pair(t testing.TB, url string, cfg engine.Config) (client, server *engine.Session) {
	t.Helper()
	ctx := watchdog(t)
	eng, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = eng.Shutdown(watchdog(t)) })
	o := &transports.Options{Engine: eng}
	ln, err := transports.Listen(ctx, url, o)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = transports.Dial(ctx, url, o); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

// A world is a client and a served store.
type world struct {
	*shop.ShopClient
	store          *store
	client, server *engine.Session
	log            *logbook
	stop           context.CancelFunc // of Serve
	served         chan error
}

// start serves a store.
func start(t testing.TB, url string, o *rpc.ServeOptions, more ...rpc.Service) *world {
	t.Helper()
	w := &world{store: newStore(), log: &logbook{}, served: make(chan error, 1)}
	cfg := engine.Config{Logger: slog.New(slog.NewTextHandler(w.log, nil))}
	if _, ok := t.(*testing.B); ok {
		cfg.Wait = engine.Spin
	}
	w.client, w.server = pair(t, url, cfg)
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	go func() {
		w.served <- rpc.Serve(ctx, w.server, o, append(more, shop.ShopService(w.store))...)
		close(w.served)
	}()
	t.Cleanup(func() {
		w.stop()
		for range w.served {
		}
	})
	w.ShopClient = shop.NewShopClient(w.client)
	return w
}

// A logbook is what was logged.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
