// Command workers computes checksums with workers that register themselves: a worker dials the dispatcher and passes itself, a
// service, to a method of the dispatcher's. The dispatcher need not know of a worker before, nor the worker of others. What a worker
// was doing when it died is given to another one.
//
//	workers work --connect shm:///tmp/workers.sock --name a &
//	workers work --connect shm:///tmp/workers.sock --name b &
//	workers dispatch --listen shm:///tmp/workers.sock /usr/lib/os-release README.md
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/corechan/corechan/transports"
)

type cli struct {
	Dispatch dispatchCmd `cmd:"" help:"Hand the files to the workers, print their checksums, and end."`
	Work     workCmd     `cmd:"" help:"Be a worker until the dispatcher has no more jobs. It waits for the dispatcher."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli{}, kong.Name("workers"), kong.UsageOnError(),
		kong.Description("Compute the SHA-256 of files with workers that register themselves."))
	k.BindTo(ctx, (*context.Context)(nil))
	k.FatalIfErrorf(k.Run())
}

type dispatchCmd struct {
	Listen string   `required:"" placeholder:"URL" help:"Where workers register, such as shm:///tmp/workers.sock."`
	Files  []string `arg:"" help:"What to compute the checksums of."`
}

// Run prints what sha256sum prints, in the order of completion; who did it goes to standard error.
func (c *dispatchCmd) Run(ctx context.Context) error {
	ln, err := transports.Listen(ctx, c.Listen, nil)
	if err != nil {
		return err
	}
	defer ln.Close()
	d := newDispatcher(os.Stderr)
	done := make(chan error, 1)
	go func() { done <- d.serve(ctx, ln) }()
	failed := 0
	for o := range d.do(ctx, c.Files) {
		if o.err != nil {
			failed++
			fmt.Fprintf(os.Stderr, "%s: %v\n", o.path, o.err)
			continue
		}
		fmt.Printf("%s  %s\n", o.sum, o.path)
	}
	if err := <-done; err != nil {
		return err
	}
	if failed != 0 {
		return fmt.Errorf("%d of %d files failed", failed, len(c.Files))
	}
	return nil
}

type workCmd struct {
	Connect string `required:"" placeholder:"URL" help:"Where the dispatcher listens."`
	Name    string `required:"" help:"What the worker is called."`
}

// Run works.
func (c *workCmd) Run(ctx context.Context) error {
	return work(ctx, c.Connect, c.Name, checksum)
}

// checksum is what the workers do. It gives up when ctx ends: then nobody wants the result any more.
func checksum(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	for {
		_, err := io.CopyN(h, f, 1<<20)
		switch {
		case err == io.EOF: //nolint:errorlint // CopyN returns it as it is
			return hex.EncodeToString(h.Sum(nil)), nil
		case err != nil:
			return "", err
		case ctx.Err() != nil:
			return "", ctx.Err()
		}
	}
}
