package dynamic

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/corechan/corechan/codegen/rpc"
)

// Print prints a service as one reads it: its methods, and the structs that these take and return.
func Print(w io.Writer, d *rpc.Description) {
	fmt.Fprintln(w, d.Name)
	for _, m := range d.Methods {
		line := "  " + m.Name + "(" + list(m.Args) + ")"
		if len(m.Results) != 0 {
			line += " (" + list(m.Results) + ")"
		}
		if m.Oneway {
			line += " one-way"
		}
		fmt.Fprintln(w, line)
		if first, _, _ := strings.Cut(m.Doc, "\n"); first != "" {
			fmt.Fprintln(w, "      "+first)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Types)) {
		t := d.Types[name]
		fmt.Fprintf(w, "  %s {%s}\n", name, list(t.Fields))
	}
}

func list(fields []rpc.Field) string {
	all := make([]string, len(fields))
	for i := range fields {
		all[i] = fields[i].Name + " " + Text(&fields[i].Type)
	}
	return strings.Join(all, ", ")
}

// Text returns a type as one reads it.
func Text(t *rpc.Type) string {
	switch t.Kind {
	case "optional":
		return Text(t.Elem) + "?"
	case "list":
		return "[]" + Text(t.Elem)
	case "array":
		return fmt.Sprintf("[%d]%s", t.Len, Text(t.Elem))
	case "map":
		return "map[" + Text(t.Key) + "]" + Text(t.Elem)
	case "receiver", "sender":
		return t.Kind + " of " + Text(t.Elem)
	case "ref", "service":
		return t.Name
	}
	return t.Kind
}
