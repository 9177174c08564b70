package message

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/tinylib/msgp/gen"
	"github.com/tinylib/msgp/parse"
)

// msgpMu is held while msgp's packages are used: they keep state in variables.
var msgpMu sync.Mutex

// The functions that calls are marked with in what msgp's generator writes, as "zPack(z.Body).MarshalMsg(o)", until edit
// replaces them.
const (
	rawCall   = "zRaw"   // a value that the engine carries
	packCall  = "zPack"  // a type with Pack and Unpack
	depthCall = "zDepth" // a kept type that contains itself
	bothCall  = "zBoth"  // one that has raw values, too
)

// generated returns what msgp's generator writes for the kept types: MarshalMsg and UnmarshalMsg, with placeholders replaced and
// marked calls in it. The extra types get UnmarshalMsg only.
func (s *synth) generated() ([]byte, error) {
	source := s.source()
	msgpMu.Lock()
	defer msgpMu.Unlock()
	dir, err := os.MkdirTemp("", "corechan-gen-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "messages.go")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		return nil, err
	}
	var warnings []string
	parse.Logf = func(format string, args ...any) {
		line := strings.TrimSpace(fmt.Sprintf(format, args...))
		if strings.HasPrefix(line, "warn: ") && !strings.Contains(line, "identifier: ") && !strings.Contains(line, "couldn't resolve") {
			warnings = append(warnings, line)
		}
	}
	defer func() { parse.Logf = nil }()
	set, err := parse.File(path, true, nil)
	if err == nil && len(warnings) != 0 { // what should have been refused before
		err = errors.New(strings.Join(warnings, "; "))
	}
	if err != nil {
		return nil, fmt.Errorf("msgp cannot parse what was made for it: %w:\n%s", err, source)
	}
	var out bytes.Buffer
	all := set.Identities
	for _, part := range []struct {
		types   []*kept
		methods gen.Method
	}{{s.w.order, gen.Marshal | gen.Unmarshal}, {s.w.extra, gen.Unmarshal}} {
		set.Identities = map[string]gen.Elem{}
		for _, k := range part.types {
			set.Identities[k.name()] = s.mark(all[k.name()])
		}
		if err := set.PrintTo(gen.NewPrinter(part.methods, &out, nil)); err != nil {
			return nil, err
		}
	}
	return s.replace(out.Bytes()), nil
}

// mark marks the calls within a type.
func (s *synth) mark(e gen.Elem) gen.Elem {
	switch e := e.(type) {
	case *gen.Struct:
		for i := range e.Fields {
			e.Fields[i].FieldElem = s.mark(e.Fields[i].FieldElem)
		}
	case *gen.Ptr:
		e.Value = s.mark(e.Value)
	case *gen.Slice:
		e.Els = s.mark(e.Els)
	case *gen.Array:
		e.Els = s.mark(e.Els)
	case *gen.Map:
		e.Value = s.mark(e.Value)
		if key, ok := e.Key.(*gen.BaseElem); ok && key.Value == gen.IDENT {
			e.Key = s.key(key)
		}
	case *gen.BaseElem:
		return s.markBase(e)
	}
	return e
}

// key returns the element for a map's key of a named type, which msgp does not resolve.
func (s *synth) key(key *gen.BaseElem) gen.Elem {
	i, ok := s.number(key.TypeName())
	if !ok {
		return key
	}
	e := gen.Ident(basic(s.types[i]).Name())
	e.Alias(key.TypeName())
	return e
}

func (s *synth) markBase(e *gen.BaseElem) gen.Elem {
	i, ok := s.number(e.TypeName())
	if !ok || e.Value != gen.IDENT {
		return e
	}
	t := s.types[i]
	always := true
	switch s.w.of(t) {
	case raw:
		e.Convert, e.ShimToBase = true, rawCall
	case binary:
		e.Value, e.Convert = gen.BinaryMarshaler, false
		e.AlwaysPtr(&always)
	case textual:
		e.Value, e.Convert = gen.TextMarshalerString, false
		e.AlwaysPtr(&always)
	case own:
		k := s.w.local(t)
		switch {
		case k != nil && k.itself && k.raws:
			e.Convert, e.ShimToBase = true, bothCall
		case k != nil && k.itself:
			e.Convert, e.ShimToBase = true, depthCall
		case s.w.traitOf(t).raws:
			e.Convert, e.ShimToBase = true, packCall
		}
	}
	return e
}

// number returns the number of a placeholder.
func (s *synth) number(name string) (int, bool) {
	m := placeholders.FindStringSubmatch(name)
	if m == nil || m[0] != name {
		return 0, false
	}
	i, err := strconv.Atoi(m[1] + m[2])
	return i, err == nil && i < len(s.types)
}

var placeholders = regexp.MustCompile(`\b(?:` + callMark + `\[T(\d+)\]|` + nameMark + `(\d+)\b)(\[[A-Za-z_][\w, ]*\])?`)

// replace puts the types in the place of their placeholders. In a generic type, msgp's generator takes names for those of generic types,
// too, and adds the parameters.
func (s *synth) replace(code []byte) []byte {
	code = placeholders.ReplaceAllFunc(code, func(found []byte) []byte {
		m := placeholders.FindSubmatch(found)
		i, _ := strconv.Atoi(string(m[1]) + string(m[2]))
		return []byte(s.w.out.Code.Type(s.types[i]))
	})
	for _, std := range []struct{ path, name string }{{"time", "time"}, {"encoding/json", "json"}, {"sync/atomic", "atomic"}} {
		used := regexp.MustCompile(`\b` + std.name + `\.`)
		if used.Match(code) {
			code = used.ReplaceAll(code, []byte(s.w.out.Code.Import(std.path, std.name)+"."))
		}
	}
	return code
}
