package pump

import "context"

type observerKey struct{}

// WithObserver returns a context whose observer is shown the pumps of sessions that are dialled or listened for with it: for
// tests that have to know what is on its way.
func WithObserver(ctx context.Context, f func(*Pump)) context.Context {
	return context.WithValue(ctx, observerKey{}, f)
}

// Observed shows the pump to the context's observer.
func (p *Pump) Observed(ctx context.Context) {
	if f, ok := ctx.Value(observerKey{}).(func(*Pump)); ok {
		f(p)
	}
}
