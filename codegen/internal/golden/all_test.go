package golden

import (
	"testing"

	"github.com/corechan/corechan/codegen/gentest"
)

// A tested type has its methods tried as generated tests would, all types by one fuzz target.
type tested struct {
	name      string
	roundTrip func(*testing.T)
	decode    func(*testing.T, []byte)
}

func of[T any](name string) tested { return tested{name, gentest.RoundTrip[T], gentest.Decode[T]} }

var all = []tested{
	of[Basic]("Basic"),
	of[Chain]("Chain"),
	of[Code]("Code"),
	of[Containers]("Containers"),
	of[Embedding]("Embedding"),
	of[Failure]("Failure"),
	of[Files]("Files"),
	of[Fill]("Fill"),
	of[Named]("Named"),
	of[Names]("Names"),
	of[New]("New"),
	of[Node]("Node"),
	of[Old]("Old"),
	of[Optional]("Optional"),
	of[Order]("Order"),
	of[Packed]("Packed"),
	of[Pages]("Pages"),
	of[Parcel]("Parcel"),
	of[Point2]("Point2"),
	of[Point3]("Point3"),
	of[Snapshot]("Snapshot"),
	of[Sub]("Sub"),
	of[Ten]("Ten"),
	of[TenMixed]("TenMixed"),
	of[Tuple]("Tuple"),
	of[Upload]("Upload"),
	of[Viewed]("Viewed"),
	of[ViewedTuple]("ViewedTuple"),
	of[Level]("Level"), of[Mutual]("Mutual"), of[Base]("Base"), of[Part]("Part"), of[Holder]("Holder"),
	of[Page[Fill, *Fill]]("Page of Fill"), of[Page[Node, *Node]]("Page of Node"), of[Tree]("Tree"),
}

func TestAllTypesRoundTrip(t *testing.T) {
	for _, x := range all {
		t.Run(x.name, func(t *testing.T) {
			x.roundTrip(t)
			for _, b := range gentest.Hostile() {
				x.decode(t, b)
			}
		})
	}
}

func TestAllViewsReadWhatWasEncoded(t *testing.T) {
	t.Run("Viewed", func(t *testing.T) { gentest.View[Viewed](t, ViewViewed) })
	t.Run("ViewedTuple", func(t *testing.T) { gentest.View[ViewedTuple](t, ViewViewedTuple) })
	t.Run("Snapshot", func(t *testing.T) { gentest.View[Snapshot](t, ViewSnapshot) })
}

// FuzzGenerated feeds all generated decoders; the first byte says which.
func FuzzGenerated(f *testing.F) {
	for i := range all {
		for _, b := range gentest.Hostile() {
			f.Add(byte(i), b)
		}
	}
	for i, x := range map[string]any{"Ten": new(Ten), "Node": new(Node), "Containers": new(Containers), "Tuple": new(Tuple)} {
		gentest.Fill(x, 1)
		for k, y := range all {
			if y.name == i {
				f.Add(byte(k), encoded(f, x.(generated)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) { all[int(which)%len(all)].decode(t, b) })
}
