package doctor

import (
	"slices"
	"testing"
)

func TestParseCores(t *testing.T) {
	tests := []struct {
		text string
		want []int
		bad  bool
	}{
		{text: ""},
		{text: "\n"},
		{text: "(null)\n"},
		{text: "0", want: []int{0}},
		{text: "0-2,6\n", want: []int{0, 1, 2, 6}},
		{text: "6,0-1,1", want: []int{0, 1, 6}},
		{text: "3-1", bad: true},
		{text: "-1", bad: true},
		{text: "1-", bad: true},
		{text: "0-9999999", bad: true},
		{text: "a", bad: true},
		{text: "0,,1", bad: true},
	}
	for _, tt := range tests {
		got, err := parseCores(tt.text)
		if !slices.Equal(got, tt.want) || (err != nil) != tt.bad {
			t.Errorf("parseCores(%q) = %v, %v; want %v", tt.text, got, err, tt.want)
		}
	}
}

func FuzzParseCores(f *testing.F) {
	for _, s := range []string{"", "0", "0-3,6", "6,0-1,1", "1-", "(null)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cores, err := parseCores(s)
		if err != nil {
			return
		}
		again, err := parseCores(formatCores(cores))
		if err != nil || !slices.Equal(cores, again) {
			t.Errorf("%q is %v, written and read again %v (%v)", s, cores, again, err)
		}
		if !slices.IsSorted(cores) {
			t.Errorf("%q is %v, not in order", s, cores)
		}
	})
}
