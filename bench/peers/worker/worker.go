package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/corechan/corechan/bench/peers/peer"
)

// Near and Far are the two sides, as they stand in the arguments.
const (
	Near = "near"
	Far  = "far"
)

// Args are the arguments of a worker after its name.
func Args(side string, c peer.Case, addr string) []string {
	return []string{side, string(c.Kind), strconv.Itoa(c.Size), strconv.Itoa(c.Conns), strconv.Itoa(c.Inflight), addr}
}

// Parse is Args' inverse.
func Parse(args []string) (side string, c peer.Case, addr string, err error) {
	if len(args) != 6 {
		return "", c, "", fmt.Errorf("a worker is started by the comparison, not by hand: %d arguments instead of 6", len(args))
	}
	c.Kind = peer.Kind(args[1])
	for i, field := range []*int{&c.Size, &c.Conns, &c.Inflight} {
		if *field, err = strconv.Atoi(args[2+i]); err != nil || *field < 1 {
			return "", c, "", fmt.Errorf("a worker's argument %d is %q: it must be a positive number", 2+i, args[2+i])
		}
	}
	if c.Size < peer.MinSize {
		return "", c, "", fmt.Errorf("messages of %d bytes; they have at least %d", c.Size, peer.MinSize)
	}
	return args[0], c, args[5], nil
}

// Run is the whole of a worker process.
func Run(ctx context.Context, e *peer.Entry, args []string, in io.Reader, out io.Writer) error {
	side, c, addr, err := Parse(args)
	if err != nil {
		return err
	}
	if runtime.GOMAXPROCS(1); e.Procs != nil {
		runtime.GOMAXPROCS(e.Procs(c))
	}
	p, err := e.New(c)
	if err != nil {
		return err
	}
	if side == Far {
		return serve(ctx, p, addr, in, out)
	}
	return lead(ctx, p, c, addr, in, out)
}

func serve(ctx context.Context, p peer.Peer, addr string, in io.Reader, out io.Writer) error {
	addr, err := p.Serve(ctx, addr)
	if err != nil {
		return err
	}
	if s, ok := p.(Slicer); ok {
		return obey(in, out, addr, func(words []string) (any, error) { return s.Slice(words) })
	}
	// Not closed: the process ends, and the near one has.
	return obey(in, out, addr, func([]string) (any, error) { return Stats{Allocs: allocations()}, nil })
}

// Slicer is a Peer that wants to be told of each slice, on both sides: a bare limit.
type Slicer interface {
	Slice(words []string) (any, error)
}

// obey answers orders until there are no more.
func obey(in io.Reader, out io.Writer, addr string, do func(words []string) (any, error)) error {
	if _, err := fmt.Fprintln(out, "ready", addr); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || words[0] == "end" {
			return nil
		}
		answer, err := do(words)
		if err != nil {
			return err
		}
		line, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return lines.Err()
}

// order reads "run WARM COUNT PID".
func order(words []string) (warm, count, pid int, err error) {
	if len(words) != 4 || words[0] != "run" {
		return 0, 0, 0, fmt.Errorf("a near worker does not know the order %q", strings.Join(words, " "))
	}
	for i, field := range []*int{&warm, &count, &pid} {
		if *field, err = strconv.Atoi(words[i+1]); err != nil || *field < 0 {
			return 0, 0, 0, fmt.Errorf("the order %q has something else than a number", strings.Join(words, " "))
		}
	}
	return warm, count, pid, nil
}

// lead is the near side.
func lead(ctx context.Context, p peer.Peer, c peer.Case, addr string, in io.Reader, out io.Writer) error {
	if s, ok := p.(Slicer); ok {
		if _, err := p.Dial(ctx, addr); err != nil {
			return err
		}
		return obey(in, out, "-", func(words []string) (any, error) { return s.Slice(words) })
	}
	if l, ok := p.(peer.Locked); ok && l.LocksThread() {
		runtime.LockOSThread()
	}
	l, err := newLeader(ctx, p, c, addr)
	if err != nil {
		return err
	}
	return obey(in, out, "-", func(words []string) (any, error) {
		warm, count, pid, err := order(words)
		if err != nil {
			return nil, err
		}
		return l.slice(warm, count, pid)
	})
}

// self is this process.
func self() int { return os.Getpid() }
