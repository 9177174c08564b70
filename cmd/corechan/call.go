package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/corechan/corechan/codegen/rpc"
	"github.com/corechan/corechan/codegen/rpc/dynamic"
	"github.com/corechan/corechan/engine"
)

type callMethodCmd struct {
	URL     string            `arg:"" complete:"url" help:"Where the service's process listens, such as shm:///run/app.sock."`
	Method  string            `arg:"" name:"service.method" complete:"method" help:"What to call; corechan ls URL says what there is."`
	Args    string            `arg:"" optional:"" help:"The argument as JSON; of several, an object with their names, or a list."`
	Header  map[string]string `mapsep:"none" placeholder:"KEY=VALUE" help:"Goes with the call; may be given several times."`
	Timeout time.Duration     `help:"How long the call may take; without it, for ever."`
}

// Help is the long help.
func (callMethodCmd) Help() string {
	return `Calls a method of a service, by what the service tells of itself: no generated code is needed. Prints the results as
JSON: one result as it is, several as an object. What a channel gives is printed as it comes, a line for each message, and a
stream as it is.

Bytes are a string of base64, times as RFC 3339 has them, durations such as "1.5s". A stream or a file is its path, or "-" for
standard input or output; a channel to be received from is a list.

Examples:

  corechan call shm:///run/app.sock Book.Place '{"ID": 1, "Price": 42}'
  corechan call shm:///run/app.sock Book.Watch '"ACME"'
  corechan call shm:///run/app.sock Files.Upload '{"name": "x", "body": "-"}' < x`
}

// Run calls.
func (c *callMethodCmd) Run(a *app) error {
	name, method, ok := strings.Cut(c.Method, ".")
	if i := strings.LastIndexByte(c.Method, '.'); ok {
		name, method = c.Method[:i], c.Method[i+1:]
	}
	if !ok || name == "" || method == "" {
		return fmt.Errorf("call: %w: %q: write Service.Method", errUsage, c.Method)
	}
	sess, all, err := servicesAt(a.ctx, c.URL, 10*time.Second)
	if err != nil {
		return fmt.Errorf("call: %w", err)
	}
	defer sess.Close()
	service, err := serviceNamed(all, name)
	if err != nil {
		return fmt.Errorf("call: %w", err)
	}
	ctx := a.ctx
	if c.Timeout != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	if len(c.Header) != 0 {
		ctx = rpc.WithHeader(ctx, engine.Header(c.Header))
	}
	one := dynamic.Caller{Service: *service, Method: method, In: os.Stdin, Out: a.stdout}
	if err := one.Call(ctx, sess, c.Args); err != nil {
		if errors.Is(err, dynamic.ErrArguments) {
			err = fmt.Errorf("%w: %w", errUsage, err)
		}
		return fmt.Errorf("call: %w", err)
	}
	return nil
}
