// Package shop has a service with a method of every shape, for the tests of what is generated for it.
package shop

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/corechan/corechan/engine"
)

//go:generate go run github.com/corechan/corechan/cmd/corechan gen

// An Order is a request.
//
//corechan:message
type Order struct {
	ID    uint64
	Price int64
	Note  string
}

// A Fill is an answer.
//
//corechan:message
type Fill struct {
	ID uint64
	At time.Time
}

// An Upload is a message with streams in it.
//
//corechan:message
type Upload struct {
	Name string
	Body io.Reader
}

// A Rejected is an error with details.
//
//corechan:error
type Rejected struct {
	ID     uint64
	Reason string
}

func (r *Rejected) Error() string { return fmt.Sprintf("order %d rejected: %s", r.ID, r.Reason) }

// A Closed is an error that is a value.
//
//corechan:error
type Closed struct{ Until time.Time }

func (c Closed) Error() string { return "closed until " + c.Until.UTC().Format(time.DateOnly) }

// A Side is buy or sell.
type Side uint8

// A Listener is told of fills. It is passed to others.
//
//corechan:service
type Listener interface {
	Filled(ctx context.Context, f *Fill) error
}

// A Shop has a method of every shape.
//
//corechan:service
type Shop interface {
	// Place takes an order.
	Place(ctx context.Context, o *Order) (*Fill, error)
	// Value is the same by value.
	Value(ctx context.Context, o Order) (Fill, error)
	// Touch has neither arguments nor results.
	//
	//corechan:inline
	Touch(ctx context.Context) error
	// Count has no arguments.
	Count(ctx context.Context) (n int, err error)
	// Many has several plain arguments and results.
	Many(ctx context.Context, id uint64, side Side, price float64, note string, at time.Time, wait time.Duration, key []byte) (total int64, ok bool, err error)
	// Lists has lists, maps and pointers.
	Lists(ctx context.Context, orders []*Order, byName map[string]Order, pair [2]int32, opt *string, x any) ([]Fill, map[uint32][]string, error)
	// Sum has as many arguments as one likes.
	Sum(ctx context.Context, numbers ...int64) (int64, error)
	// Watch returns a channel.
	Watch(ctx context.Context, count int) (engine.Receiver[Order], error)
	// Drain takes one.
	Drain(ctx context.Context, in engine.Receiver[Order]) (int, error)
	// Feed sends into one.
	Feed(ctx context.Context, out engine.Sender[Order], count int) error
	// Upper returns what it reads in capitals.
	Upper(ctx context.Context, in io.ReadCloser) (io.ReadCloser, error)
	// Digest reads a stream that is closed for it.
	Digest(ctx context.Context, in io.Reader) (string, error)
	// Dump writes into a stream.
	Dump(ctx context.Context, out io.Writer, count int) error
	// Talk echoes both ways.
	Talk(ctx context.Context, with io.ReadWriteCloser) error
	// Size takes a file, and Open returns one.
	Size(ctx context.Context, f *os.File) (int64, error)
	Open(ctx context.Context, name string) (*os.File, error)
	// Greet writes to a connection, and closes it.
	Greet(ctx context.Context, c net.Conn) error
	// Upload takes a message with a stream in it.
	Upload(ctx context.Context, u *Upload) (int, error)
	UploadValue(ctx context.Context, u Upload) (*Upload, error)
	// Subscribe takes a service, and Session returns one.
	Subscribe(ctx context.Context, l Listener, count int) error
	Session(ctx context.Context, name string) (Listener, error)
	// Log returns nothing, and nobody waits.
	//
	//corechan:oneway
	Log(ctx context.Context, text string) error
	// Fail returns an error of a kind.
	Fail(ctx context.Context, kind string) error
	// Wait waits until its context is done.
	Wait(ctx context.Context) error
}
