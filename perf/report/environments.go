package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// environments are what was measured on and asked for: a line for each thing, a column for each result; one if they are all the same.
type environments struct {
	Names []string
	Lines []environmentLine
}

type environmentLine struct {
	Name    string
	Values  []string
	Differs bool
}

func environmentsOf(all []Named) environments {
	e := environments{}
	var columns []map[string]string
	names := []string{}
	for _, r := range all {
		e.Names = append(e.Names, r.Name)
		c := facts(r)
		columns = append(columns, c)
		names = append(names, slices.Collect(maps.Keys(c))...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	different := false
	for _, name := range names {
		line := environmentLine{Name: strings.ReplaceAll(name, "_", " ")}
		told := false
		for _, c := range columns {
			line.Values = append(line.Values, c[name])
			line.Differs = line.Differs || c[name] != line.Values[0]
			told = told || c[name] != ""
		}
		if !told {
			continue
		}
		different = different || line.Differs
		e.Lines = append(e.Lines, line)
	}
	slices.SortStableFunc(e.Lines, func(a, b environmentLine) int { // what differs comes first
		switch {
		case a.Differs == b.Differs:
			return 0
		case a.Differs:
			return -1
		}
		return 1
	})
	if !different {
		e.Names = e.Names[:1]
		for i := range e.Lines {
			e.Lines[i].Values = e.Lines[i].Values[:1]
		}
	}
	return e
}

// facts are the fields of an environment by their names in JSON, so that one that is added appears by itself, and the flags.
func facts(r Named) map[string]string {
	out := map[string]string{}
	b, err := json.Marshal(r.Result.Environment)
	if err != nil {
		return out // times, numbers and texts have a form
	}
	var fields map[string]any
	if json.Unmarshal(b, &fields) != nil {
		return out
	}
	for name, v := range fields {
		switch v := v.(type) {
		case []any:
			parts := make([]string, len(v))
			for i, part := range v {
				parts[i] = fmt.Sprint(part)
			}
			out[name] = strings.Join(parts, " ")
		case float64:
			out[name] = fmt.Sprintf("%.0f", v)
		default:
			out[name] = fmt.Sprint(v)
		}
	}
	if n := r.Result.Environment.MemoryBytes; n > 0 {
		delete(out, "memory_bytes")
		out["memory"] = fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	for name, v := range r.Result.Config {
		out["--"+name] = v
	}
	return out
}
