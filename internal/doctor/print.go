package doctor

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Color says when to print in colours.
type Color int

const (
	// ColorAuto: on a terminal, unless the variable NO_COLOR is set.
	ColorAuto Color = iota
	// ColorAlways also where a pipe or a file takes the output.
	ColorAlways
	// ColorNever prints plain text.
	ColorNever
)

// PrintOptions say how findings are printed. Nil means the zero value.
type PrintOptions struct {
	Color Color
	Width int  // of a line, at which long text wraps; 0: that of the terminal, or 100
	Brief bool // one line a finding: not what it is for, nor how to get it
}

// Print writes findings as a table, group by group as they come, and counts them at the end.
func Print(w io.Writer, findings []Finding, opts *PrintOptions) error {
	if opts == nil {
		opts = &PrintOptions{}
	}
	p := &printer{
		w:     bufio.NewWriter(w),
		color: opts.Color == ColorAlways || opts.Color == ColorAuto && wantsColor(w),
		width: opts.Width,
	}
	if p.width <= 0 {
		p.width = widthOf(w)
	}
	for _, f := range findings {
		p.names = max(p.names, utf8.RuneCountInString(f.Name))
	}
	for i, f := range findings {
		if i == 0 || f.Group != findings[i-1].Group {
			p.heading(f.Group, i == 0)
		}
		p.finding(f, opts.Brief)
	}
	p.total(findings)
	return p.w.Flush() // a bufio.Writer keeps the first error
}

type printer struct {
	w     *bufio.Writer
	color bool
	width int
	names int // width of the widest name
}

// The columns of a finding: two blanks, its status, its name, its value. Further lines
// start below the name.
const (
	indent      = "  "
	statusWidth = len(Missing) // the longest, as is Unknown
	gap         = 2
	textColumn  = len(indent) + statusWidth + gap
)

func (p *printer) heading(name string, first bool) {
	if !first {
		fmt.Fprintln(p.w)
	}
	fmt.Fprintln(p.w, p.paint(bold, name))
}

func (p *printer) finding(f Finding, brief bool) {
	status := p.paint(statusColor(f.Status), pad(string(f.Status), statusWidth+gap))
	fmt.Fprint(p.w, indent, status, pad(f.Name, p.names+gap))
	p.wrapped(f.Value, textColumn+p.names+gap, plain)
	if brief {
		return
	}
	p.line("why", f.Why, dim)
	if f.Fix != "" {
		p.line("fix", f.Fix, plain)
	}
}

// line writes text below a name, after a label.
func (p *printer) line(label, text, style string) {
	label += ": "
	fmt.Fprint(p.w, strings.Repeat(" ", textColumn), p.paint(dim, label))
	p.wrapped(text, textColumn+len(label), style)
}

// wrapped writes text that starts in column at and goes on there in further lines. A word
// that is longer than a line is not broken, so that it can be copied.
func (p *printer) wrapped(text string, at int, style string) {
	const least = 20 // on a narrow terminal let it wrap the lines itself
	room := max(p.width-at, least)
	for i, line := range wrap(text, room) {
		if i > 0 {
			fmt.Fprint(p.w, strings.Repeat(" ", at))
		}
		fmt.Fprintln(p.w, p.paint(style, line))
	}
}

func (p *printer) total(findings []Finding) {
	n := map[Status]int{}
	for _, f := range findings {
		n[f.Status]++
	}
	parts := []string{plural(len(findings), "finding")}
	for _, s := range []Status{OK, Warn, Missing, Unknown} {
		if n[s] > 0 {
			parts = append(parts, p.paint(statusColor(s), fmt.Sprintf("%d %s", n[s], s)))
		}
	}
	fmt.Fprintf(p.w, "\n%s\n", strings.Join(parts, ", "))
}

// wrap breaks text between words. There is always a line, if an empty one.
func wrap(text string, room int) []string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(text) {
		switch {
		case line == "":
			line = w
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > room:
			lines, line = append(lines, line), w
		default:
			line += " " + w
		}
	}
	return append(lines, line)
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// What a terminal is told to change its style.
const (
	plain  = ""
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

func statusColor(s Status) string {
	switch s {
	case OK:
		return green
	case Warn:
		return yellow
	case Missing:
		return red
	}
	return dim
}

func (p *printer) paint(style, s string) string {
	if !p.color || style == plain || s == "" {
		return s
	}
	return style + s + reset
}

// window is the size of the terminal that w writes to, or nil.
func window(w io.Writer) *unix.Winsize {
	f, isFile := w.(*os.File)
	if !isFile {
		return nil
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return nil
	}
	return size
}

func wantsColor(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && window(w) != nil
}

func widthOf(w io.Writer) int {
	const plainWidth = 100
	if size := window(w); size != nil && size.Col > 0 {
		return int(size.Col)
	}
	return plainWidth
}
