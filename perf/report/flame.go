package report

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/corechan/corechan/perf/result"
)

// Bounds of a profile.
const (
	maxProfile = 64 << 20 // bytes, unpacked
	maxDepth   = 128
	maxFrames  = 4000 // boxes of a flame graph
	leastFrame = 2000 // one of so many parts of the whole is the smallest that is drawn
)

// flame is where the processor's time went: a box for each function in each place of the stack, as wide as the time spent there.
type flame struct {
	Name   string   `json:"name"`
	Total  string   `json:"total"`
	Frames []frame  `json:"frames"` // parents before their children
	Names  []string `json:"names"`
	Left   bool     `json:"left"` // stacks were cut, or boxes left out
}

// frame is a box: name, depth, begin and width. The latter two are parts of a million.
type frame [4]int

// node is a function in one place of the stack.
type node struct {
	name     string
	value    int64
	children map[string]*node
}

// ReadProfile reads a profile of go tool pprof's format, whoever wrote it.
func ReadProfile(from io.Reader) (*profile.Profile, error) { return readProfile(from, maxProfile) }

// readProfile reads one of that many bytes at most, unpacked.
func readProfile(from io.Reader, most int) (*profile.Profile, error) {
	b, err := io.ReadAll(io.LimitReader(from, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if IsProfile(b) {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("unpack the profile: %w", err)
		}
		if b, err = io.ReadAll(io.LimitReader(z, int64(most)+1)); err != nil {
			return nil, fmt.Errorf("unpack the profile: %w", err)
		}
	}
	if len(b) > most {
		return nil, fmt.Errorf("%w: a profile of more than %d bytes", result.ErrTooLarge, most)
	}
	p, err := profile.ParseUncompressed(b)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	if err := p.CheckValid(); err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	if len(p.SampleType) == 0 {
		return nil, errors.New("read the profile: it does not say what its samples are")
	}
	return p, nil
}

// IsProfile tells a profile from a result, by its first bytes: profiles are packed.
func IsProfile(begin []byte) bool { return bytes.HasPrefix(begin, []byte{0x1f, 0x8b}) }

// flameOf adds up the samples. The last of a sample's values is what matters: of a CPU profile the time.
func flameOf(p *Profile) flame {
	last := len(p.Profile.SampleType) - 1
	unit := p.Profile.SampleType[last].Unit
	root := &node{name: "all"}
	f := flame{Name: p.Name}
	for _, s := range p.Profile.Sample {
		if v := s.Value[last]; v > 0 && root.value+v > 0 {
			f.Left = root.add(s, v) || f.Left
		}
	}
	f.Total = fmt.Sprintf("%d %s", root.value, unit)
	if unit == "nanoseconds" {
		f.Total = fmt.Sprintf("%.2f s of processor time", float64(root.value)/1e9)
	}
	names := map[string]int{}
	f.lay(root, 0, 0, max(root.value, 1), names)
	f.Names = make([]string, len(names))
	for name, i := range names {
		f.Names[i] = name
	}
	return f
}

// add adds a sample's stack, and says if it was cut.
func (n *node) add(s *profile.Sample, v int64) (cut bool) {
	n.value += v
	at, depth := n, 0
	for _, loc := range slices.Backward(s.Location) { // the root is last
		lines := loc.Line
		if len(lines) == 0 {
			lines = []profile.Line{{}}
		}
		for _, line := range slices.Backward(lines) { // what was inlined comes first
			if depth == maxDepth {
				return true
			}
			name := fmt.Sprintf("0x%x", loc.Address)
			if line.Function != nil && line.Function.Name != "" {
				name = shown(line.Function.Name)
			}
			if at.children == nil {
				at.children = map[string]*node{}
			}
			child := at.children[name]
			if child == nil {
				child = &node{name: name}
				at.children[name] = child
			}
			child.value += v
			at = child
			depth++
		}
	}
	return false
}

// shown is a function's name in bounds.
func shown(name string) string {
	const most = 300
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return name
}

// lay makes the boxes of a node and of what is above it, by name, as is usual.
func (f *flame) lay(n *node, depth int, begin, total int64, names map[string]int) {
	const parts = 1e6
	if n.value < total/leastFrame || len(f.Frames) == maxFrames {
		f.Left = true
		return
	}
	name, known := names[n.name]
	if !known {
		name = len(names)
		names[n.name] = name
	}
	part := func(v int64) int { return int(parts * float64(v) / float64(total)) }
	f.Frames = append(f.Frames, frame{name, depth, part(begin), part(n.value)})
	children := make([]*node, 0, len(n.children))
	for _, c := range n.children {
		children = append(children, c)
	}
	slices.SortFunc(children, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	for _, c := range children {
		f.lay(c, depth+1, begin, total, names)
		begin += c.value
	}
}
