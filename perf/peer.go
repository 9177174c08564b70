package perf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/corechan/corechan/perf/measure"
	"github.com/corechan/corechan/perf/rig"
)

// ErrNotAPeer reports that ServePeer was called in a process that no run has started.
var ErrNotAPeer = rig.ErrNotAPeer

// ServePeer is the whole of the second process: it serves the run that started it, and returns when that is over. Call
// it where Options.Command leads to. Should the first process die, it exits at once, in the middle of a slice too.
func ServePeer(ctx context.Context) error {
	control, err := rig.Inherit()
	if err != nil {
		return err
	}
	// Ctrl-C reaches every process of the terminal; when to end is for the first one to say.
	signal.Ignore(os.Interrupt)
	p := &peer{Control: control}
	var told plan
	if err := p.Receive(&told, time.Now().Add(startTimeout)); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	if told.Kind == idle {
		return serveIdle(ctx, control, told)
	}
	profiled, err := told.Config.Profile.peer().start()
	if err != nil {
		return p.Send(replyOf(outcome{}, err))
	}
	if err := p.start(ctx, told); err != nil {
		return p.Send(replyOf(outcome{}, errors.Join(err, profiled())))
	}
	if err := p.Send(reply{Outcome: outcome{Thread: p.crew.thread}}); err != nil {
		return err
	}
	return p.serve(profiled)
}

// peer is the far side in its own process.
type peer struct {
	*rig.Control
	crew   *crew
	all    []contestant
	shared *shared
}

func (p *peer) start(ctx context.Context, told plan) error {
	c := told.Config
	rig.Quiet(1)
	clock, err := measure.NewClock()
	if err != nil {
		return err
	}
	e := &env{kind: told.Kind, config: c, address: told.Address, clock: clock, certificate: told.Certificate}
	p.all = contestants(e)
	for i, addr := range told.Addresses {
		p.all[i].env.address = addr
	}
	if p.shared, err = inheritShared(p.all); err != nil {
		return err
	}
	p.shared.give(p.all, measure.Far)
	if p.crew, err = newCrew(measure.Far, c.Cores[1]); err != nil {
		return err
	}
	opening, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return p.crew.open(opening, p.all)
}

// serve does what it is told until the end, and completes the profiles before it says that everything is closed.
func (p *peer) serve(profiled func() error) error {
	commands := make(chan command)
	go func() {
		for {
			var c command
			if err := p.Receive(&c, time.Time{}); err != nil {
				if !errors.Is(err, io.EOF) {
					fmt.Fprintln(os.Stderr, "read a command:", err)
				}
				os.Exit(1)
			}
			commands <- c
		}
	}()
	for {
		select {
		case c := <-commands:
			switch c.Verb {
			case run:
				p.crew.begin(c.Order, nil)
				if _, err := p.Conn.Write(running); err != nil {
					return err
				}
			case stop:
				p.crew.stop()
			case end:
				err := errors.Join(p.crew.dismiss(), closeAll(p.all), p.shared.close(), profiled())
				return p.Send(replyOf(outcome{}, err))
			}
		case o := <-p.crew.done:
			if err := p.Send(replyOf(o, nil)); err != nil {
				return err
			}
		}
	}
}
