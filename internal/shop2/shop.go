// Package shop2 is a later version of package shop, for the tests of two versions that talk.
package shop2

import (
	"context"
	"io"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/internal/shop"
)

//go:generate go run github.com/corechan/corechan/cmd/corechan gen

// An Order has one more field, and one less.
//
//corechan:message
type Order struct {
	ID   uint64
	Tags []string
}

// A Fill is without its time.
//
//corechan:message
type Fill struct{ ID uint64 }

// A Rejected has one more field.
//
//corechan:error
type Rejected struct {
	ID     uint64
	Reason string
	Hint   string
}

func (r *Rejected) Error() string { return r.Reason + r.Hint }

// A Shop has methods that the first has not, lacks some, and has changed others.
//
//corechan:service
type Shop interface {
	// Again is new; it comes first.
	Again(ctx context.Context) error
	// Value has one argument and one result more.
	Value(ctx context.Context, o Order, rush bool) (f Fill, note string, err error)
	// Sum takes something else.
	Sum(ctx context.Context, numbers string) (int64, error)
	// Count returns something else.
	Count(ctx context.Context) (engine.Receiver[Order], error)
	// Digest takes a channel where it took a stream.
	Digest(ctx context.Context, in engine.Receiver[Order]) (string, error)
	Fail(ctx context.Context, kind string) error
	Writer(ctx context.Context) (io.WriteCloser, error)
	// Tell takes a service of another package, and one that is not exported.
	Tell(ctx context.Context, l shop.Listener, a auditor) (shop.Listener, error)
	// Sides has types of another package, and parameters that are called as the generated code's variables.
	Sides(ctx context.Context, call shop.Side, r0 *shop.Order, err map[shop.Side]shop.Fill, _ int, o ...shop.Order) (shop.Closed, error)
}

// An auditor is not exported, and neither is what is generated for it.
//
//corechan:service name=shop2.auditor
type auditor interface {
	Audit(ctx context.Context, text string) error
}
