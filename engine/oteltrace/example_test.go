package oteltrace_test

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"go.opentelemetry.io/otel/trace"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/oteltrace"
	"github.com/corechan/corechan/transports/inmem"
)

// A message is sent within a trace, and whoever receives it goes on in that.
func Example() {
	ctx, provider := context.Background(), sdktrace.NewTracerProvider() // with an exporter of yours
	o := &oteltrace.Options{Provider: provider}
	eng, _ := engine.New(engine.Config{Interceptors: []engine.Interceptor{oteltrace.Messages(o)}})
	defer eng.Shutdown(ctx)
	a, b, _ := inmem.Pair(&inmem.Options{Engine: eng}) // two processes, more often

	ctx, span := provider.Tracer("example").Start(ctx, "order")
	defer span.End()
	orders, _ := engine.Open[string](ctx, a, "orders")
	text := "one of these"
	_ = orders.Send(ctx, &text)

	received, _ := engine.Accept[string](context.Background(), b, "orders")
	var got string
	var meta engine.Meta
	_ = received.ReceiveWith(context.Background(), &got, &meta)
	there := oteltrace.Continue(context.Background(), meta.Header, o)
	fmt.Println(got, trace.SpanContextFromContext(there).TraceID() == span.SpanContext().TraceID())
	// Output: one of these true
}
