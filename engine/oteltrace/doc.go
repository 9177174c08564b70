// Package oteltrace connects traces of OpenTelemetry across sessions: it makes a span for each message that is sent or received, or for
// each call of a service, and has the trace's context travel in the header, as W3C Trace Context has it (keys "traceparent" and
// "tracestate").
//
//	eng, err := engine.New(engine.Config{Interceptors: []engine.Interceptor{oteltrace.Messages(nil)}})
//
// Who receives a message goes on in its trace:
//
//	engine.Handle(ln, "orders", func(ctx context.Context, o *Order) error {
//		ctx = oteltrace.Continue(ctx, engine.HeaderFrom(ctx), nil)
//		ctx, span := tracer.Start(ctx, "process order")
//		...
//
// For services there are spans that last as long as the call, at both sides; the method's context is in the trace:
//
//	client := NewBookClientWith(sess, &rpc.ClientOptions{Interceptors: []rpc.Interceptor{oteltrace.Client(nil)}})
//	err := rpc.Serve(ctx, sess, &rpc.ServeOptions{Interceptors: []rpc.Interceptor{oteltrace.Server(nil)}}, BookService(impl))
//
// What comes from a peer is checked: a header that is no trace's context is as none. To trust the peer's decision whether a trace is
// sampled is the sampler's choice; see sdk/trace.ParentBased.
//
// An engine with interceptors for messages takes a longer path for each of them, some hundred nanoseconds, and a span costs more than that: see
// engine.Interceptor, which also says what they do not see. The context takes about 70 bytes of the header's 8 KiB.
package oteltrace
