package report

import (
	"bytes"
	"compress/gzip"
	"errors"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/corechan/corechan/perf/result"
)

func packed(t testing.TB, p *profile.Profile) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAProfileIsReadWithinBounds(t *testing.T) {
	b := packed(t, profiled())
	if !IsProfile(b) {
		t.Error("a profile is not known by its first bytes")
	}
	p, err := ReadProfile(bytes.NewReader(b))
	if err != nil || len(p.Sample) != 2 {
		t.Fatalf("%v, %v", p, err)
	}
	for name, bad := range map[string][]byte{"empty": {}, "cut": b[:len(b)/2], "text": []byte("hello, this is no profile"), "only packed": b[:2]} {
		if _, err := ReadProfile(bytes.NewReader(bad)); err == nil {
			t.Errorf("%s: taken for a profile", name)
		}
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := readProfile(&bomb, 1<<19); !errors.Is(err, result.ErrTooLarge) {
		t.Errorf("a profile that unpacks to more than it may: %v", err)
	}
}

func TestAFlameGraphHasBounds(t *testing.T) {
	p := profiled()
	deep := &profile.Sample{Value: []int64{1, 100e6}}
	for range 10 * maxDepth {
		deep.Location = append(deep.Location, p.Location[1])
	}
	p.Sample = append(p.Sample, deep)
	f := flameOf(&Profile{"deep", p})
	deepest := 0
	for _, one := range f.Frames {
		deepest = max(deepest, one[1])
	}
	if deepest != maxDepth || !f.Left {
		t.Errorf("%d deep, left out: %v", deepest, f.Left)
	}
}

// Whatever a profile says, it is refused or drawn within bounds.
func FuzzReadProfile(f *testing.F) {
	f.Add(packed(f, profiled()))
	z, err := gzip.NewReader(bytes.NewReader(packed(f, profiled())))
	if err != nil {
		f.Fatal(err)
	}
	var plain bytes.Buffer
	if _, err := plain.ReadFrom(z); err != nil {
		f.Fatal(err)
	}
	f.Add(plain.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ReadProfile(bytes.NewReader(b))
		if err != nil {
			return
		}
		flame := flameOf(&Profile{"fuzz", p})
		if len(flame.Frames) > maxFrames {
			t.Errorf("%d boxes", len(flame.Frames))
		}
		for _, one := range flame.Frames {
			if one[0] >= len(flame.Names) || one[1] > maxDepth || one[2] < 0 || one[3] < 0 || one[2]+one[3] > 1e6+1 {
				t.Errorf("%v", one)
			}
		}
	})
}
