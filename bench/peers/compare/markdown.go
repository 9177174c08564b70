package compare

import (
	"fmt"
	"io"
	"strings"
)

// markdown writes the report as a page. What it says of how to read it is for a reader who has nothing else.
func markdown(w io.Writer, r *Report) {
	fmt.Fprintf(w, "# corechan and others\n\nWritten by `make compare`; commit %s, %s.\n", r.Commit, r.When.Format("2006-01-02 15:04 MST"))
	if r.Disturbance.Disturbed() {
		fmt.Fprintf(w, "\n**%s**\n", &r.Disturbance)
	}
	fmt.Fprintln(w, "\n## Where corechan is not ahead")
	if len(r.NotAhead) == 0 {
		fmt.Fprintf(w, "\n%s\n", r.nowhere())
	} else {
		fmt.Fprintln(w, "\nIn brackets by which factor a rival's median is better, and in how many of the rounds it was.")
		fmt.Fprintln(w)
	}
	for _, l := range behindLines(r.NotAhead) {
		fmt.Fprintf(w, "- %s\n", l)
	}
	fmt.Fprint(w, `
## How to read this

Everybody carries the same messages, in two processes that are bound to a core each, takes turns of `+r.Options.Slice.String()+` with all others, and has a slice of the
machine's own limit before and after: a bare cache line there and back, or a bare ring one way. Ratios are to the mean of those two; medians of
`+fmt.Sprint(r.Options.Rounds)+` rounds, with the least and the largest. CPU is the processor time of both processes for each message or round trip, polling included. Memory is
that of both at the end, without programs: their own, and what they share. Every message is checked. How each is used stands at the end.
`)
	for i := range r.Cases {
		markdownCase(w, &r.Cases[i], r.Disturbance.Disturbed())
	}
	if r.Services != nil {
		r.Services.markdown(w)
	}
	if missing := r.missing(); len(missing) > 0 {
		fmt.Fprint(w, "\n## Not measured\n\n")
		for _, m := range missing {
			fmt.Fprintf(w, "- %s\n", m)
		}
	}
	fmt.Fprint(w, "\n## How each is used\n\n| name | over | version | settings |\n|---|---|---|---|\n")
	for _, e := range r.Entries {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", e.Name, e.Network, e.Version, e.Settings)
	}
	m := &r.Machine
	fmt.Fprintf(w, `
## The machine

| | |
|---|---|
| processor | %s, %s; hypervisor: %s |
| cores | %s; siblings %s; isolated %s |
| kernel | %s, %s |
| clock source, governor | %s, %s |
| Go | %s |
| load before and after | %s; %s |
`, m.CPU, m.Arch, said(m.Hypervisor), m.Cores, said(m.Siblings), said(m.Isolated), m.Kernel, cell(m.KernelCommand), said(m.ClockSource),
		said(m.Governor), m.Go, m.LoadBefore, m.LoadAfter)
}

// said is what a machine tells of itself.
func said(s string) string {
	if s == "" {
		return "not told"
	}
	return s
}

// cell keeps a text within a cell of a table.
func cell(s string) string { return "`" + strings.ReplaceAll(s, "|", `\|`) + "`" }

func markdownCase(w io.Writer, c *CaseReport, noisy bool) {
	title := c.Case.String()
	fmt.Fprintf(w, "\n## %s%s\n\nThe limit (%s): %s. ![%s](%s)\n\n", strings.ToUpper(title[:1]), title[1:], c.Limit.Name,
		figure(c.Kind, c.Limit.Figure), title, pictureName(c.Case, noisy))
	what, how := "per second", "of the limit"
	if lowIsGood(c.Kind) {
		what, how = "p50", "times the limit"
	}
	fmt.Fprintf(w, "| | over | %s | %s | least, most | p99 | CPU each | allocs | memory |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n", what, how)
	for _, row := range c.Rows {
		name := row.Name
		if row.Ours {
			name = "**" + name + "**"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s, %s | %s | %s | %s | %s |\n", name, row.Network, figure(c.Kind, row.Figure), ratio(row.Ratio),
			ratio(row.Least), ratio(row.Most), p99(row.P99), duration(row.CPU), count(row.Allocs), memoryText(row.Memory))
	}
}
