package msgpack_test

import "testing"

// BenchmarkAppend and BenchmarkDecode compare reflection with generated methods, on the same message.
func BenchmarkAppend(b *testing.B) {
	g := example()
	plain := bare(g)
	for name, v := range map[string]any{"reflected": &plain, "generated": &g} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				var err error
				if buf, err = c.Append(buf[:0], v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	g := example()
	payload, _ := c.Append(nil, &g)
	for name, v := range map[string]any{"reflected": new(bare), "generated": new(Generated)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Decode(payload, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
