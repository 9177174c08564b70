package oteltrace

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/corechan/corechan/engine"
)

// Options say where spans go to. The zero value, and nil, is a good choice.
type Options struct {
	// Provider makes the spans; nil: the global one, otel.GetTracerProvider, as it is when the interceptor is made.
	Provider trace.TracerProvider
	// Propagator writes and reads the header; nil: propagation.TraceContext. Others may carry more, such as baggage, which peers see.
	Propagator propagation.TextMapPropagator
}

// scope is the name of what makes the spans.
const scope = "github.com/corechan/corechan/engine/oteltrace"

// tracing is Options with the defaults filled in.
type tracing struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

func newTracing(o *Options) tracing {
	if o == nil {
		o = &Options{}
	}
	provider := o.Provider
	if provider == nil {
		provider = otel.GetTracerProvider()
	}
	return tracing{provider.Tracer(scope), propagatorOf(o)}
}

func propagatorOf(o *Options) propagation.TextMapPropagator {
	if o == nil || o.Propagator == nil {
		return propagation.TraceContext{}
	}
	return o.Propagator
}

// Continue returns a context in the trace that a header came from: that of a message (engine.HeaderFrom in a handler, engine.Meta), or
// of a channel (Receiver.Header). A header without one, or with a malformed one, leaves ctx as it is.
func Continue(ctx context.Context, h engine.Header, o *Options) context.Context {
	if len(h) == 0 {
		return ctx
	}
	return propagatorOf(o).Extract(ctx, propagation.MapCarrier(h))
}

// carries reports whether a header has a trace's context already.
func (t *tracing) carries(h engine.Header) bool {
	for _, key := range t.propagator.Fields() {
		if _, ok := h[key]; ok {
			return true
		}
	}
	return false
}

// started begins a span and ends it at once: for what has no duration that can be seen.
func (t *tracing) started(ctx context.Context, name string, kind trace.SpanKind, links []trace.Link, more ...attribute.KeyValue) context.Context {
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithLinks(links...), trace.WithAttributes(more...))
	span.End()
	return ctx
}

// finish ends a span with an error, if there is one.
func finish(span trace.Span, err error) {
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}
