package main

import (
	"fmt"
	"io"

	"github.com/corechan/corechan/perf"
)

// progress keeps one line of a terminal up to date.
type progress struct {
	to    io.Writer
	on    bool
	unit  func(float64) string
	shown bool
}

const eraseLine = "\r\x1b[K"

func (p *progress) show(s perf.Progress) {
	if !p.on {
		return
	}
	p.shown = true
	run := ""
	if s.Runs > 1 {
		run = fmt.Sprintf("run %d of %d, ", s.Run, s.Runs)
	}
	fmt.Fprintf(p.to, "%s%s%3.0f %%  %s, limit %s, ratio %.2f",
		eraseLine, run, 100*s.Done, p.unit(s.Figure), p.unit(s.Limit), s.Ratio)
}

// phase shows what has begun, in words.
func (p *progress) phase(what string) {
	if !p.on {
		return
	}
	p.shown = true
	fmt.Fprintf(p.to, "%s%s", eraseLine, what)
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.to, eraseLine)
	}
}
