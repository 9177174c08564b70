package golden

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"testing"

	"github.com/tinylib/msgp/msgp"
	"go.uber.org/goleak"

	"github.com/corechan/corechan/codegen"
	"github.com/corechan/corechan/codegen/gentest"
	"github.com/corechan/corechan/codegen/internal/golden/plain"
	"github.com/corechan/corechan/codegen/message"
	"github.com/corechan/corechan/codegen/source"
	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/codec"
	"github.com/corechan/corechan/engine/codec/msgpack"
	"github.com/corechan/corechan/transports/inmem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheGeneratedFilesAreWhatIsGenerated(t *testing.T) {
	_, err := codegen.Run(t.Context(), &codegen.Config{
		Config: source.Config{Dir: "."}, Patterns: []string{"./..."}, Generators: []codegen.Generator{message.Generator{}}, Check: true,
	})
	if err != nil {
		t.Error(err)
	}
}

// Types with the same fields and no methods, which reflection encodes.
type (
	bareTen       Ten
	bareMixed     TenMixed
	bareOptional  Optional
	bareEmbedding Embedding
	bareOld       Old
)

// encoded returns the payload of a message by its methods.
func encoded(t testing.TB, m msgp.Marshaler) []byte {
	t.Helper()
	b, err := m.MarshalMsg(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReflectionAndMethodsWriteTheSame(t *testing.T) {
	for seed := range uint64(20) {
		for _, pair := range []struct{ generated, bare any }{
			{new(Ten), new(bareTen)}, {new(TenMixed), new(bareMixed)}, {new(Embedding), new(bareEmbedding)}, {new(Old), new(bareOld)},
		} {
			gentest.Fill(pair.generated, seed)
			gentest.Fill(pair.bare, seed)
			want, err := msgpack.Codec{}.Append(nil, pair.bare)
			if err != nil {
				t.Fatal(err)
			}
			if got := encoded(t, pair.generated.(msgp.Marshaler)); !bytes.Equal(got, want) {
				t.Errorf("%T: by its methods %x, by reflection %x", pair.generated, got, want)
			}
		}
		// Maps have no order, so these are decoded by the other.
		o, b := new(Optional), new(bareOptional)
		gentest.Fill(o, seed)
		if err := (msgpack.Codec{}).Decode(encoded(t, o), b); err != nil {
			t.Fatal(err)
		}
		if d := gentest.Difference(o, (*Optional)(b)); d != "" {
			t.Error(d)
		}
	}
}

func TestMsgpsOwnMethodsWriteTheSame(t *testing.T) {
	for seed := range uint64(20) {
		for _, pair := range []struct{ ours, theirs msgp.Marshaler }{{new(Ten), new(plain.Ten)}, {new(TenMixed), new(plain.TenMixed)}} {
			gentest.Fill(pair.ours, seed)
			gentest.Fill(pair.theirs, seed)
			if a, b := encoded(t, pair.ours), encoded(t, pair.theirs); !bytes.Equal(a, b) {
				t.Errorf("%T: %x, and msgp's %x", pair.ours, a, b)
			}
		}
	}
}

func TestWhatIsLeftOutStaysHere(t *testing.T) {
	var out Basic
	in := Basic{hidden: 1, Left: make(chan int)}
	if _, err := out.UnmarshalMsg(encoded(t, &in)); err != nil || out.hidden != 0 || out.Left != nil {
		t.Errorf("%v, %v, %v", out.hidden, out.Left, err)
	}
}

func TestVersionsUnderstandEachOther(t *testing.T) {
	older, newer := Old{ID: 7, Name: "n", Gone: []int{1}}, New{ID: 8, Name: "m", Added: map[string]Level{"l": {1, 2}}, More: "x"}
	var o Old
	if _, err := o.UnmarshalMsg(encoded(t, &newer)); err != nil || o.ID != 8 || o.Name != "m" || o.Gone != nil {
		t.Errorf("an old receiver has %+v, %v", o, err)
	}
	var n New
	if _, err := n.UnmarshalMsg(encoded(t, &older)); err != nil || n.ID != 7 || n.Name != "n" || n.Added != nil || n.More != "" {
		t.Errorf("a new receiver has %+v, %v", n, err)
	}
	var p2 Point2
	if rest, err := p2.UnmarshalMsg(encoded(t, &Point3{1, 2, 3})); err != nil || len(rest) != 0 || p2 != (Point2{1, 2}) {
		t.Errorf("an old tuple has %+v, %v", p2, err)
	}
	var p3 Point3
	if rest, err := p3.UnmarshalMsg(encoded(t, &Point2{1, 2})); err != nil || len(rest) != 0 || p3 != (Point3{1, 2, 0}) {
		t.Errorf("a new tuple has %+v, %v", p3, err)
	}
}

func TestElementsThatAreUsedAgainKeepNothing(t *testing.T) {
	v := TenMixed{Levels: []Level{{Price: 1, Amount: 2}}}
	b := msgp.AppendMapHeader(nil, 1)
	b = msgp.AppendArrayHeader(msgp.AppendString(b, "Levels"), 1)
	b = msgp.AppendInt(msgp.AppendString(msgp.AppendMapHeader(b, 1), "Price"), 5)
	if _, err := v.UnmarshalMsg(b); err != nil || v.Levels[0] != (Level{Price: 5}) {
		t.Errorf("%+v, %v", v.Levels, err)
	}
}

func TestWhatIsTooDeepIsNamed(t *testing.T) {
	n := &Node{}
	n.Next = n
	if _, err := n.MarshalMsg(nil); !errors.Is(err, codec.ErrDepth) {
		t.Errorf("a message that contains itself: %v", err)
	}
	f := &Files{}
	f.More = []Files{{}}
	f.More[0].More = f.More
	if _, err := f.Pack(nil, new(engine.Cargo)); !errors.Is(err, codec.ErrDepth) {
		t.Errorf("files that contain themselves: %v", err)
	}
	c := &Chain{}
	c.Next = c
	if err := c.Carry(new(engine.Cargo)); !errors.Is(err, codec.ErrDepth) {
		t.Errorf("a chain that contains itself: %v", err)
	}
	deep := bytes.Repeat(append([]byte{0x81}, msgp.AppendString(nil, "Next")...), 1_000_000)
	if _, err := new(Node).UnmarshalMsg(deep); !errors.Is(err, codec.ErrDepth) {
		t.Errorf("a payload of a million levels: %.100v", err)
	}
}

func TestHostileSizesAllocateLittle(t *testing.T) {
	for _, v := range []msgp.Unmarshaler{new(TenMixed), new(Named), new(Containers), new(Node), new(Names), new(Tree)} {
		f := reflect.TypeOf(v).Elem()
		payloads := gentest.Hostile()
		for i := 0; f.Kind() == reflect.Struct && i < f.NumField(); i++ {
			for _, header := range [][]byte{{0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0xff, 0xff, 0xff, 0xff}, {0xc6, 0xff, 0xff, 0xff, 0xff}, {0xdb, 0xff, 0xff, 0xff, 0xff}} {
				payloads = append(payloads, append(msgp.AppendString([]byte{0x81}, f.Field(i).Name), header...))
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, p := range payloads {
			_, _ = reflect.New(f).Interface().(msgp.Unmarshaler).UnmarshalMsg(p)
		}
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		if allocated > 1<<20 {
			t.Errorf("%T: %d payloads make it allocate %d bytes", v, len(payloads), allocated)
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	in, out := new(Ten), new(Ten)
	gentest.Fill(in, 0)
	b := make([]byte, 0, in.Msgsize())
	if n := testing.AllocsPerRun(100, func() {
		b, _ = in.MarshalMsg(b[:0])
		_, _ = out.UnmarshalMsg(b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPayloadOfAnotherTypeIsNamed(t *testing.T) {
	for _, pair := range []struct {
		from msgp.Marshaler
		to   msgp.Unmarshaler
	}{{new(Tuple), new(Ten)}, {&Names{"x"}, new(Ten)}, {new(Ten), new(Tuple)}, {&New{More: "x"}, new(Names)}} {
		if _, err := pair.to.UnmarshalMsg(encoded(t, pair.from)); err == nil {
			t.Errorf("a %T is taken for a %T", pair.from, pair.to)
		}
	}
	a, b, err := inmem.Pair(nil)
	check(t, err)
	defer func() { _, _ = a.Close(), b.Close() }()
	s, err := engine.Open[Tuple](t.Context(), a, "x")
	check(t, err)
	r, err := engine.Accept[Ten](t.Context(), b, "x")
	check(t, err)
	check(t, s.Send(t.Context(), &Tuple{}))
	if err := r.Receive(t.Context(), new(Ten)); !errors.Is(err, engine.ErrMalformed) {
		t.Error(err)
	}
}

func TestMessagesThatEndWithBytesAreTailed(t *testing.T) {
	if _, ok := any(new(Parcel)).(engine.Tailed[Parcel]); !ok {
		t.Error("Parcel, a map, is not")
	}
	if _, ok := any(new(Packed)).(engine.Tailed[Packed]); !ok {
		t.Error("Packed, a tuple, is not")
	}
	if _, ok := any(new(Optional)).(engine.Tailed[Optional]); ok {
		t.Error("Optional is, which ends with another field")
	}
}
