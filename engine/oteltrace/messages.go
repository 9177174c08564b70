package oteltrace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/corechan/corechan/engine"
)

// Messages returns an interceptor for engine.Config. A message that is sent within a trace, by its context, gets a span of kind producer, and
// carries its context; the one who receives it gets one of kind consumer below that, with a link to its own span. Without a trace, or one
// that is not sampled, a message is sent with what context there is, and one that came without is left alone. A header that has a
// trace's context already, such as one of Client, is left as it is. Channels carry the context that they were opened in.
//
// The spans say that a message was sent or received, not how long that took.
func Messages(o *Options) engine.Interceptor {
	t := newTracing(o)
	return engine.Interceptor{
		Open: func(ctx context.Context, open *engine.Opening) error {
			if !open.Accepted && !t.carries(open.Header) {
				t.propagator.Inject(ctx, propagation.MapCarrier(open.Header))
			}
			return nil
		},
		Send: func(ctx context.Context, m *engine.Passing) error {
			if t.carries(m.Header) {
				return nil
			}
			if trace.SpanContextFromContext(ctx).IsValid() {
				ctx = t.started(ctx, "send "+nameOf(m), trace.SpanKindProducer, nil, attributes(m, "send")...)
			}
			t.propagator.Inject(ctx, propagation.MapCarrier(m.Header))
			return nil
		},
		Receive: func(ctx context.Context, m *engine.Passing) error {
			if !t.carries(m.Header) {
				return nil
			}
			var links []trace.Link
			if own := trace.SpanContextFromContext(ctx); own.IsValid() {
				links = []trace.Link{{SpanContext: own}}
			}
			from := t.propagator.Extract(trace.ContextWithSpanContext(ctx, trace.SpanContext{}), propagation.MapCarrier(m.Header))
			if trace.SpanContextFromContext(from).IsValid() {
				t.started(from, "receive "+nameOf(m), trace.SpanKindConsumer, links, attributes(m, "receive")...)
			}
			return nil
		},
	}
}

// nameOf is what a message's span is called by: the number of names is that of the program's channels.
func nameOf(m *engine.Passing) string {
	if m.Channel == "" {
		return "message"
	}
	return m.Channel
}

// attributes are those that OpenTelemetry's conventions for messaging have.
func attributes(m *engine.Passing, operation string) []attribute.KeyValue {
	all := []attribute.KeyValue{
		attribute.String("messaging.system", "corechan"),
		attribute.String("messaging.operation.name", operation),
		attribute.String("messaging.operation.type", operation),
	}
	if m.Channel != "" {
		all = append(all, attribute.String("messaging.destination.name", m.Channel))
	}
	if m.Session != nil {
		all = append(all, attribute.String("corechan.transport", m.Session.Transport()))
	}
	return all
}
