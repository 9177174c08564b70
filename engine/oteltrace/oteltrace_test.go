package oteltrace_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/oteltrace"
	"github.com/corechan/corechan/internal/shop"
	"github.com/corechan/corechan/transports/inmem"
)

// A world is two sessions of two engines, each with spans of its own: what a trace has in common has come over the session.
type world struct {
	ctx          context.Context
	a, b         *engine.Session
	near, far    *tracetest.InMemoryExporter
	aOpts, bOpts *oteltrace.Options
}

func newWorld(t *testing.T, messages bool) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	w := &world{ctx: ctx}
	eng := func(exporter **tracetest.InMemoryExporter, o **oteltrace.Options) *engine.Engine {
		*exporter = tracetest.NewInMemoryExporter()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(*exporter))
		t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
		*o = &oteltrace.Options{Provider: provider}
		var cfg engine.Config
		if messages {
			cfg.Interceptors = []engine.Interceptor{oteltrace.Messages(*o)}
		}
		e, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			now, cancel := context.WithCancel(context.Background())
			cancel()
			_ = e.Shutdown(now)
		})
		return e
	}
	near, far := eng(&w.near, &w.aOpts), eng(&w.far, &w.bOpts)
	ln, err := inmem.Listen(ctx, t.Name(), &inmem.Options{Engine: far})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	accepted := make(chan *engine.Session, 1)
	go func() {
		s, _ := ln.Accept(ctx)
		accepted <- s
	}()
	if w.a, err = inmem.Dial(ctx, t.Name(), &inmem.Options{Engine: near}); err != nil {
		t.Fatal(err)
	}
	w.b = <-accepted
	return w
}

// span begins a span at the near side.
func (w *world) span(name string) (context.Context, trace.Span) {
	return w.aOpts.Provider.Tracer("test").Start(w.ctx, name)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// named returns the span of a name.
func named(t *testing.T, e *tracetest.InMemoryExporter, name string) tracetest.SpanStub {
	t.Helper()
	all := e.GetSpans()
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no span %q among %v", name, all)
	panic("unreachable")
}

func has(s tracetest.SpanStub, key, value string) bool {
	return slices.ContainsFunc(s.Attributes, func(a attribute.KeyValue) bool { return string(a.Key) == key && a.Value.String() == value })
}

func TestATraceGoesOnWhereItsMessageIsReceived(t *testing.T) {
	w := newWorld(t, true)
	ctx, span := w.span("order")
	s, err := engine.Open[string](ctx, w.a, "orders")
	check(t, err)
	text := "a message"
	check(t, s.Send(ctx, &text))
	r, err := engine.Accept[string](w.ctx, w.b, "orders")
	check(t, err)
	var got string
	var meta engine.Meta
	check(t, r.ReceiveWith(w.ctx, &got, &meta))
	if got != text {
		t.Errorf("%q", got)
	}
	_, work := w.bOpts.Provider.Tracer("test").Start(oteltrace.Continue(w.ctx, meta.Header, nil), "work")
	work.End()
	span.End()

	id := span.SpanContext().TraceID()
	sent, received, worked := named(t, w.near, "send orders"), named(t, w.far, "receive orders"), named(t, w.far, "work")
	if sent.SpanContext.TraceID() != id || sent.Parent.SpanID() != span.SpanContext().SpanID() || sent.SpanKind != trace.SpanKindProducer {
		t.Errorf("%+v", sent)
	}
	for _, s := range []tracetest.SpanStub{received, worked} {
		if s.SpanContext.TraceID() != id || s.Parent.SpanID() != sent.SpanContext.SpanID() || !s.Parent.IsRemote() {
			t.Errorf("%+v", s)
		}
	}
	if received.SpanKind != trace.SpanKindConsumer || !has(received, "messaging.destination.name", "orders") || !has(received, "corechan.transport", "inmem") {
		t.Errorf("%+v", received)
	}
	opened := trace.SpanContextFromContext(oteltrace.Continue(w.ctx, r.Header(), nil))
	if opened.SpanID() != span.SpanContext().SpanID() {
		t.Errorf("the channel was opened in %v", opened)
	}
}

func TestAHandlerGoesOnInTheTrace(t *testing.T) {
	w := newWorld(t, true)
	seen := make(chan trace.SpanContext, 1)
	check(t, engine.Handle(w.b, "orders", func(ctx context.Context, _ *string) error {
		seen <- trace.SpanContextFromContext(oteltrace.Continue(ctx, engine.HeaderFrom(ctx), nil))
		return nil
	}))
	ctx, span := w.span("order")
	defer span.End()
	s, err := engine.Open[string](ctx, w.a, "orders")
	check(t, err)
	check(t, s.Send(ctx, new(string)))
	if got := <-seen; got.TraceID() != span.SpanContext().TraceID() || !got.IsRemote() {
		t.Errorf("%v", got)
	}
}

// Who receives within a span of its own finds that linked, and is in the sender's trace.
func TestTheReceiversOwnSpanIsLinked(t *testing.T) {
	w := newWorld(t, true)
	ctx, span := w.span("order")
	defer span.End()
	s, err := engine.Open[string](w.ctx, w.a, "orders")
	check(t, err)
	check(t, s.Send(ctx, new(string)))
	own, consume := w.bOpts.Provider.Tracer("test").Start(w.ctx, "consume")
	defer consume.End()
	r, err := engine.Accept[string](w.ctx, w.b, "orders")
	check(t, err)
	check(t, r.Receive(own, new(string)))
	got := named(t, w.far, "receive orders")
	if got.SpanContext.TraceID() != span.SpanContext().TraceID() || len(got.Links) != 1 ||
		got.Links[0].SpanContext.SpanID() != consume.SpanContext().SpanID() {
		t.Errorf("%+v", got)
	}
}

func TestWithoutATraceNothingTravels(t *testing.T) {
	w := newWorld(t, true)
	s, err := engine.Open[string](w.ctx, w.a, "orders")
	check(t, err)
	check(t, s.Send(w.ctx, new(string)))
	r, err := engine.Accept[string](w.ctx, w.b, "orders")
	check(t, err)
	var meta engine.Meta
	check(t, r.ReceiveWith(w.ctx, new(string), &meta))
	if meta.Header != nil || r.Header() != nil || len(w.near.GetSpans())+len(w.far.GetSpans()) != 0 {
		t.Errorf("%v, %v, %v, %v", meta.Header, r.Header(), w.near.GetSpans(), w.far.GetSpans())
	}
}

// A peer can write into a header what it likes.
func TestAMalformedContextIsNone(t *testing.T) {
	w := newWorld(t, true)
	s, err := engine.Open[string](w.ctx, w.a, "orders")
	check(t, err)
	bad := []string{
		"", "00", "00-00000000000000000000000000000000-0000000000000000-01", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", strings.Repeat("0", 8000), "00-\x00\x01-\u202e-01",
	}
	r, err := engine.Accept[string](w.ctx, w.b, "orders")
	check(t, err)
	for _, value := range bad {
		h := engine.Header{"traceparent": value}
		check(t, s.SendWith(w.ctx, new(string), &engine.SendOptions{Header: h}))
		var meta engine.Meta
		check(t, r.ReceiveWith(w.ctx, new(string), &meta))
		if c := trace.SpanContextFromContext(oteltrace.Continue(w.ctx, meta.Header, nil)); c.IsValid() {
			t.Errorf("%q is %v", value, c)
		}
	}
	good := engine.Header{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": strings.Repeat("x", 7000)}
	check(t, s.SendWith(w.ctx, new(string), &engine.SendOptions{Header: good}))
	check(t, r.Receive(w.ctx, new(string)))
	if spans := w.far.GetSpans(); len(spans) != 1 || spans[0].SpanContext.TraceState().Len() != 0 {
		t.Errorf("%v", spans)
	}
}

func TestAnUnsampledTraceTravelsWithoutSpans(t *testing.T) {
	w := newWorld(t, true)
	never := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	ctx, span := never.Tracer("test").Start(w.ctx, "order")
	defer span.End()
	s, err := engine.Open[string](w.ctx, w.a, "orders")
	check(t, err)
	check(t, s.Send(ctx, new(string)))
	r, err := engine.Accept[string](w.ctx, w.b, "orders")
	check(t, err)
	var meta engine.Meta
	check(t, r.ReceiveWith(w.ctx, new(string), &meta))
	if !strings.HasSuffix(meta.Header["traceparent"], "-00") || len(w.near.GetSpans())+len(w.far.GetSpans()) != 0 {
		t.Errorf("%v, %v, %v", meta.Header, w.near.GetSpans(), w.far.GetSpans())
	}
}

// A traced shop: its methods say which trace they are in.
type tracedShop struct {
	shop.Shop
	seen chan trace.SpanContext
}

var errSoldOut = errors.New("sold out")

func (s *tracedShop) Count(ctx context.Context) (int, error) {
	s.seen <- trace.SpanContextFromContext(ctx)
	return 7, nil
}

func (s *tracedShop) Touch(ctx context.Context) error {
	s.seen <- trace.SpanContextFromContext(ctx)
	return errSoldOut
}

func (s *tracedShop) Log(context.Context, string) error { panic("out of ink") }

func (s *tracedShop) Fail(context.Context, string) error { panic("broken") }

func TestACallHasASpanAtBothSides(t *testing.T) {
	w := newWorld(t, false)
	impl := &tracedShop{seen: make(chan trace.SpanContext, 1)}
	serveCtx, stop := context.WithCancel(w.ctx)
	served := make(chan error, 1)
	go func() {
		served <- rpc.Serve(serveCtx, w.b, &rpc.ServeOptions{Interceptors: []rpc.Interceptor{oteltrace.Server(w.bOpts)}}, shop.ShopService(impl))
	}()
	client := shop.NewShopClientWith(w.a, &rpc.ClientOptions{Interceptors: []rpc.Interceptor{oteltrace.Client(w.aOpts)}})
	ctx, span := w.span("shopping")
	mine := engine.Header{"tenant": "t"}
	n, err := client.Count(rpc.WithHeader(ctx, mine))
	if err != nil || n != 7 {
		t.Fatal(n, err)
	}
	if len(mine) != 1 {
		t.Errorf("the caller's own header was changed: %v", mine)
	}
	called, done := named(t, w.near, "Shop/Count"), named(t, w.far, "Shop/Count")
	if called.SpanContext.TraceID() != span.SpanContext().TraceID() || called.SpanKind != trace.SpanKindClient || called.Status.Code == codes.Error {
		t.Errorf("%+v", called)
	}
	if done.Parent.SpanID() != called.SpanContext.SpanID() || !done.Parent.IsRemote() || done.SpanKind != trace.SpanKindServer || !has(done, "rpc.method", "Count") {
		t.Errorf("%+v", done)
	}
	if in := <-impl.seen; in.SpanID() != done.SpanContext.SpanID() {
		t.Errorf("the method runs in %v", in)
	}

	if err := client.Touch(ctx); err == nil || !strings.Contains(err.Error(), "sold out") {
		t.Error(err)
	}
	<-impl.seen
	if err := client.Fail(ctx, ""); err == nil {
		t.Error("no error of a method that panics")
	}
	for _, name := range []string{"Shop/Touch", "Shop/Fail"} {
		for _, e := range []*tracetest.InMemoryExporter{w.near, w.far} {
			if s := named(t, e, name); s.Status.Code != codes.Error || s.SpanContext.TraceID() != span.SpanContext().TraceID() {
				t.Errorf("%+v", s)
			}
		}
	}
	span.End()
	stop()
	if err := <-served; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
