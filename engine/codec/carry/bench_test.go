package carry_test

import (
	"strings"
	"testing"

	"github.com/corechan/corechan/engine/codec/msgpack"
)

func BenchmarkOutAndIn(b *testing.B) {
	for name, v := range map[string]any{
		"one field": &pair[string, fakeEnd]{"x", newEnd()},
		"any":       func() *any { var x any = map[string]any{"end": newEnd(), "name": "x"}; return &x }(),
		"list":      &pair[int, []pair[string, any]]{1, []pair[string, any]{{"x", newEnd()}, {"y", strings.NewReader("")}}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			p := plan(b, v)
			for b.Loop() {
				if _, _, err := trip(msgpack.Codec{}, p, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
