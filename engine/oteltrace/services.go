package oteltrace

import (
	"context"
	"maps"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/engine"
)

// Client returns an interceptor for rpc.ClientOptions: a span of kind client for each call, whose context goes with the call, and which
// ends with the call's error.
func Client(o *Options) rpc.Interceptor {
	t := newTracing(o)
	return func(ctx context.Context, call *rpc.Info, next func(ctx context.Context) error) error {
		ctx, span := t.tracer.Start(ctx, methodOf(call), trace.WithSpanKind(trace.SpanKindClient), rpcAttributes(call))
		call.Header = maps.Clone(call.Header) // it may be one that the caller uses for other calls
		if call.Header == nil {
			call.Header = engine.Header{}
		}
		t.propagator.Inject(ctx, propagation.MapCarrier(call.Header))
		err := next(ctx)
		finish(span, err)
		return err
	}
}

// Server returns an interceptor for rpc.ServeOptions: a span of kind server for each call, below that of the caller if there is one. The
// method's context has it.
func Server(o *Options) rpc.Interceptor {
	t := newTracing(o)
	return func(ctx context.Context, call *rpc.Info, next func(ctx context.Context) error) error {
		from := ctx
		if len(call.Header) != 0 {
			from = t.propagator.Extract(ctx, propagation.MapCarrier(call.Header))
		}
		ctx, span := t.tracer.Start(from, methodOf(call), trace.WithSpanKind(trace.SpanKindServer), rpcAttributes(call))
		panicked := true
		defer func() {
			if panicked { // or left by runtime.Goexit: the server answers for it
				finish(span, errPanicked)
			}
		}()
		err := next(ctx)
		panicked = false
		finish(span, err)
		return err
	}
}

type constantError string

func (e constantError) Error() string { return string(e) }

const errPanicked = constantError("the method panicked")

func methodOf(call *rpc.Info) string { return call.Service + "/" + call.Method }

func rpcAttributes(call *rpc.Info) trace.SpanStartEventOption {
	return trace.WithAttributes(attribute.String("rpc.system", "corechan"), attribute.String("rpc.service", call.Service),
		attribute.String("rpc.method", call.Method))
}
