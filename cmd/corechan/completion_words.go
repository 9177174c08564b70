package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// A completer finds out what a command line may go on with, by kong's model of it. A field's tag complete says what its values are: url,
// service, method or files.
type completer struct {
	app   *app
	node  *kong.Node // the command so far
	given []string   // its positional arguments
	files bool       // names of files are wanted
}

// complete returns what the last of the words may become: all that is possible there, whatever it begins with. Before it stand
// those of the line, without the program's name.
func (c *completer) complete(words []string) []candidate {
	last, before := words[len(words)-1], words[:len(words)-1]
	var waits *kong.Flag // for its value
	flags := true
	for _, w := range before {
		switch {
		case waits != nil:
			waits = nil
		case flags && w == "--":
			flags = false
		case flags && strings.HasPrefix(w, "-") && w != "-":
			name, _, has := strings.Cut(w, "=")
			if f := c.flag(name); f != nil && !has && !f.IsBool() && !f.IsCounter() {
				waits = f
			}
		default:
			c.word(w)
		}
	}
	switch name, _, has := strings.Cut(last, "="); {
	case waits != nil:
		return c.values(waits.Value)
	case flags && has && strings.HasPrefix(last, "-"):
		f := c.flag(name)
		if f == nil {
			return nil
		}
		found := c.values(f.Value)
		for i := range found {
			found[i].value = name + "=" + found[i].value
		}
		return found
	case flags && strings.HasPrefix(last, "-"):
		return c.flags()
	}
	return c.arguments()
}

// word takes a word that is a command or an argument.
func (c *completer) word(w string) {
	if len(c.given) == 0 {
		for _, n := range c.node.Children {
			if n.Name == w || slices.Contains(n.Aliases, w) {
				c.node = n
				return
			}
		}
	}
	c.given = append(c.given, w)
}

// flag returns the flag of a name, with its dashes; nil if there is none.
func (c *completer) flag(name string) *kong.Flag {
	for _, group := range c.node.AllFlags(false) {
		for _, f := range group {
			if name == "--"+f.Name || name == "-"+string(f.Short) {
				return f
			}
		}
	}
	return nil
}

func (c *completer) flags() (found []candidate) {
	for _, group := range c.node.AllFlags(true) {
		for _, f := range group {
			found = append(found, candidate{"--" + f.Name, f.Help})
		}
	}
	return found
}

// arguments returns the commands and the values of the argument that come next.
func (c *completer) arguments() (found []candidate) {
	if len(c.given) == 0 {
		for _, n := range c.node.Children {
			if !n.Hidden {
				found = append(found, candidate{n.Name, n.Help})
			}
		}
	}
	if all := c.node.Positional; len(all) != 0 {
		switch next := all[min(len(c.given), len(all)-1)]; {
		case len(c.given) < len(all), next.IsCumulative():
			found = append(found, c.values(next)...)
		}
	}
	return found
}

// values returns the values of a flag or an argument.
func (c *completer) values(v *kong.Value) (found []candidate) {
	for _, e := range v.EnumSlice() {
		if e != "" {
			found = append(found, candidate{value: e})
		}
	}
	switch v.Tag.Get("complete") {
	case "url":
		return urls()
	case "service":
		return c.served(true)
	case "method":
		return c.served(false)
	case "files":
		c.files = true
	}
	return found
}
