package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/corechan/corechan/bench/peers/peer"
)

// send sends the next message.
func (l *line) send(reply bool) error {
	l.number++
	peer.Stamp(l.out, l.number, reply)
	return l.channel.Send(l.out)
}

// receive takes the answer that has this number.
func (l *line) receive(number uint64) error {
	b, err := l.channel.Receive(l.in)
	if err != nil {
		return err
	}
	return due(b, l.size, number)
}

func due(b []byte, size int, number uint64) error {
	got, err := peer.Check(b, size)
	if err != nil {
		return err
	}
	if got != number {
		return fmt.Errorf("%w: the answer to number %d instead of %d", peer.ErrMismatch, got, number)
	}
	return nil
}

// sample stores a round trip, if it counts.
func sample(samples []int64, i int, ns int64) {
	if samples != nil {
		samples[i] = ns
	}
}

// trips makes n round trips, one at a time.
func (l *line) trips(n int, samples []int64) error {
	if l.channel == nil {
		return l.call(n, samples)
	}
	// The clock is read once a round trip, while the message is on its way: a round trip is the time from one publish to the next,
	// as in the limit.
	if err := l.publish(); err != nil {
		return err
	}
	last := l.clock.Now()
	for i := range n - 1 {
		if err := l.receive(l.number); err != nil {
			return err
		}
		if err := l.publish(); err != nil {
			return err
		}
		now := l.clock.Now()
		sample(samples, i, now-last)
		last = now
	}
	err := l.receive(l.number)
	sample(samples, n-1, l.clock.Now()-last)
	return err
}

func (l *line) publish() error {
	if err := l.send(true); err != nil {
		return err
	}
	return l.channel.Flush()
}

// call makes n calls, one at a time.
func (l *line) call(n int, samples []int64) error {
	ctx := context.Background()
	last := l.clock.Now()
	for i := range n {
		l.number++
		peer.Stamp(l.out, l.number, true)
		b, err := l.caller.Call(ctx, l.out, l.in)
		if err != nil {
			return err
		}
		if err := due(b, l.size, l.number); err != nil {
			return err
		}
		now := l.clock.Now()
		sample(samples, i, now-last)
		last = now
	}
	return nil
}

// stream sends n messages one way. The last one asks for an answer, which says that all have come, in order.
func (l *line) stream(n int) error {
	for i := range n {
		if err := l.send(i == n-1); err != nil {
			return err
		}
	}
	if err := l.channel.Flush(); err != nil {
		return err
	}
	return l.receive(l.number)
}

// calls makes n calls by many goroutines on one connection.
func (l *line) calls(n, inflight int, samples []int64) error {
	return each(min(inflight, n), func(i, all int) error {
		begin, end := share(n, i, all)
		mine := newLine(l.size, l.clock)
		mine.caller = l.caller
		mine.number = uint64(i+1) << 32 // unlike any other's
		return mine.call(end-begin, part(samples, begin, end))
	})
}

// crowd makes n round trips in all, by a goroutine on each connection.
func (l *leader) crowd(n int, samples []int64) error {
	return each(len(l.lines), func(i, all int) error {
		if begin, end := share(n, i, all); begin != end {
			return l.lines[i].trips(end-begin, part(samples, begin, end))
		}
		return nil
	})
}

// each runs n goroutines and waits for all of them.
func each(n int, f func(i, all int) error) error {
	errs := make(chan error, n)
	for i := range n {
		go func() { errs <- f(i, n) }()
	}
	var all error
	for range n {
		all = errors.Join(all, <-errs)
	}
	return all
}

// share is the part of n that falls to one of several.
func share(n, one, all int) (begin, end int) { return n * one / all, n * (one + 1) / all }

func part(samples []int64, begin, end int) []int64 {
	if samples == nil {
		return nil
	}
	return samples[begin:end]
}
