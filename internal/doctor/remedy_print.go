package doctor

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// PrintRemedies writes a shell script that nobody has run: what each block gives stands above it, and what there is nothing to do
// about stands at the end.
func PrintRemedies(w io.Writer, cores string, all []Remedy) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, `#!/bin/sh
# What would prepare this machine so that core %s is for your own programs. Nothing was run: read it, and run as root what you want.
# What is not marked "boot" lasts until the next boot.
`, cores)
	for _, boot := range []bool{false, true} {
		for _, r := range all {
			if r.Status != Warn || r.Boot != boot {
				continue
			}
			mark := ""
			if boot {
				mark = " (boot)"
			}
			fmt.Fprintln(out)
			comment(out, fmt.Sprintf("%s%s. Now: %s. Gives: %s.", r.Name, mark, r.Now, r.Gives))
			for _, c := range r.Commands {
				fmt.Fprintln(out, c)
			}
		}
	}
	for _, end := range []struct {
		status Status
		title  string
	}{{OK, "Already so"}, {Unknown, "Not to be chosen here"}} {
		var names []string
		for _, r := range all {
			if r.Status == end.status {
				names = append(names, fmt.Sprintf("%s (%s)", r.Name, r.Now))
			}
		}
		if len(names) > 0 {
			fmt.Fprintln(out)
			comment(out, end.title+": "+strings.Join(names, ", ")+".")
		}
	}
	return out.Flush()
}

// comment writes text as comments of a shell.
func comment(w io.Writer, text string) {
	const width = 110
	for _, line := range wrap(text, width) {
		fmt.Fprintln(w, "# "+line)
	}
}
