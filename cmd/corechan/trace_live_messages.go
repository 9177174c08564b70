package main

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// liveMessages is what the live view has of messages: nothing, until it is told to begin. Its methods run on one goroutine.
type liveMessages struct {
	source  *messages // nil: it is not on
	looking bool      // a look is under way

	base, last  messageLook // since the last reset; nil before the first look
	from, shown messageLook // what is shown came between them
}

// A liveLooked is a look that was taken.
type liveLooked struct {
	source *messages
	look   messageLook
	err    error
}

func (l *liveMessages) on() bool { return l.source != nil }

// begin has messages stamped. Call end after it.
func (l *liveMessages) begin(ctx context.Context) { l.source = watchMessages(ctx) }

func (l *liveMessages) end() {
	if l.source != nil {
		l.source.close()
	}
	*l = liveMessages{}
}

// look returns what takes a look, unless it is off or one is under way: a process that is stopped takes a while to be given up.
func (l *liveMessages) look() tea.Cmd {
	if l.source == nil || l.looking {
		return nil
	}
	l.looking = true
	source := l.source
	return func() tea.Msg {
		now, err := source.look()
		return liveLooked{source, now, err}
	}
}

// looked takes a look. While paused, what is shown stays; since says to show what came since the last reset, not since the look before.
func (l *liveMessages) looked(msg liveLooked, paused, since bool) error {
	if msg.source != l.source {
		return nil // of what has ended meanwhile
	}
	l.looking = false
	if msg.err != nil {
		return msg.err
	}
	if l.base == nil {
		l.base = msg.look
	}
	if l.last == nil {
		l.last = msg.look
	}
	if !paused {
		l.from, l.shown = l.last, msg.look
		if since {
			l.from = l.base
		}
	}
	l.last = msg.look
	return nil
}

// restart counts from the last look on.
func (l *liveMessages) restart() { l.base, l.from, l.shown = l.last, l.last, l.last }

// draw writes the slowest channels' rows, of messages that the processes, or all with none, receive.
func (l *liveMessages) draw(b *strings.Builder, pids []int) {
	if l.source == nil {
		return
	}
	rows, more := slowest(l.shown.since(l.from, pids), traceLines)
	fmt.Fprintln(b)
	messageTable(rows).print(b)
	if more > 0 {
		fmt.Fprintf(b, "and %d more whose p99 is lower\n", more)
	}
}
