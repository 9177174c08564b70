package main

import (
	"embed"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

//go:embed completion
var completionScripts embed.FS

// Help is the long help.
func (completionCmd) Help() string {
	return `Prints a script that has a shell complete commands, flags, URLs of sockets that somebody listens on, and the services and
methods of the process at a URL, which it asks for at most a second.

Examples:

  source <(corechan completion bash)                                       in ~/.bashrc
  source <(corechan completion zsh)                                        in ~/.zshrc, after compinit
  corechan completion fish > ~/.config/fish/completions/corechan.fish`
}

// Run prints the script.
func (c *completionCmd) Run(a *app) error {
	script, err := completionScripts.ReadFile("completion/corechan." + c.Shell)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(script)
	return err
}

// completeWord is the command that the scripts call, with the shell's name, the line up to the cursor, and in bash the part
// of the last word that is to be replaced. It prints a candidate a line, with a tab and what it is, or filesLine.
const completeWord = "__complete"

// filesLine says that names of files are wanted, which shells know best.
const filesLine = ":files"

// complete prints what a line may go on with. Whatever goes wrong, there is nothing to complete.
func (a *app) complete(parser *kong.Kong, args []string) int {
	if len(args) < 2 {
		return exitUsage
	}
	words := splitLine(args[1])
	if len(words) == 0 {
		return exitUsage
	}
	last := words[len(words)-1]
	skip := ""
	if len(args) > 2 { // bash has taken the word apart
		skip, _ = strings.CutSuffix(last, args[2])
		if skip == last && args[2] != "" { // a word in quotes
			skip = ""
		}
	}
	c := &completer{app: a, node: parser.Model.Node}
	found := c.complete(words[1:])
	if c.files && len(found) == 0 {
		fmt.Fprintln(a.stdout, filesLine)
		return exitOK
	}
	for _, one := range found {
		if strings.HasPrefix(one.value, last) {
			one.print(a.stdout, skip, args[0] != "bash")
		}
	}
	return exitOK
}

// A candidate is what the last word may become.
type candidate struct{ value, about string }

func (c *candidate) print(out io.Writer, skip string, described bool) {
	fmt.Fprint(out, strings.TrimPrefix(c.value, skip))
	if about, _, _ := strings.Cut(c.about, "\n"); described && about != "" {
		fmt.Fprint(out, "\t", about)
	}
	fmt.Fprintln(out)
}

// splitLine takes a line apart as a shell does: at blanks, with quotes and backslashes; nothing is expanded. The last word is the one that
// is being written: empty after a blank.
func splitLine(line string) (words []string) {
	var word strings.Builder
	var quote rune
	escaped, began := false, false
	for _, r := range line {
		switch {
		case escaped:
			escaped = false
			word.WriteRune(r)
		case r == '\\' && quote != '\'':
			escaped, began = true, true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, began = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if began || word.Len() != 0 {
				words = append(words, word.String())
			}
			word.Reset()
			began = false
		default:
			word.WriteRune(r)
		}
	}
	return append(words, word.String())
}
