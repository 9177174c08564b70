package netpoll

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestACoreListIsParsed(t *testing.T) {
	for list, want := range map[string][]int{
		"0":           {0},
		"0-3,6":       {0, 1, 2, 3, 6},
		" 6 , 0-3 ":   {0, 1, 2, 3, 6},
		"3,3,2-3":     {2, 3},
		"1022-1023":   {1022, 1023},
		"63-64":       {63, 64},
		"5-5":         {5},
		"007":         {7},
		"0,2,4,6,8-9": {0, 2, 4, 6, 8, 9},
	} {
		s, err := ParseCores(list)
		if err != nil {
			t.Errorf("%q: %v", list, err)
			continue
		}
		if !slices.Equal(s.List(), want) || s.Len() != len(want) {
			t.Errorf("%q: %v of length %d, want %v", list, s.List(), s.Len(), want)
		}
	}
}

func TestABadCoreListIsRefusedAndQuoted(t *testing.T) {
	for _, list := range []string{
		"", " ", ",", "0,", ",0", "0,,1", "a", "-1", "+1", "1-", "-", "3-1", "0-1024", "1024", "1 - 2", "0-3-5", "0x1",
		"99999999999999999999", "0-1:2", "٣",
	} {
		s, err := ParseCores(list)
		if err == nil || !strings.Contains(err.Error(), `core list "`) {
			t.Errorf("%q: %v, %v", list, s, err)
		}
		if s != (CoreSet{}) {
			t.Errorf("%q: set %v beside an error", list, s)
		}
	}
}

func TestTheEmptyCoreSetHasNothing(t *testing.T) {
	var s CoreSet
	if s.Len() != 0 || s.String() != "" || len(s.List()) != 0 || s.Contains(0) || s.Contains(-1) || s.Contains(5000) {
		t.Errorf("empty set: %q of %d", s, s.Len())
	}
	if err := s.Check(CoreSet{}); err != nil {
		t.Error(err)
	}
}

func TestACoreSetReadsBackWhatItPrints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cores := rapid.SliceOfNDistinct(rapid.IntRange(0, maxCores-1), 1, 200, rapid.ID[int]).Draw(t, "cores")
		var s CoreSet
		for _, c := range cores {
			s.add(c)
		}
		back, err := ParseCores(s.String())
		if err != nil || back != s {
			t.Fatalf("%q reads back as %q, %v", s, back, err)
		}
		slices.Sort(cores)
		if !slices.Equal(s.List(), cores) {
			t.Fatalf("%v, want %v", s.List(), cores)
		}
		for _, c := range cores {
			if !s.Contains(c) {
				t.Fatalf("%v lacks %d", s, c)
			}
		}
	})
}

func TestCoresOutsideTheCpusetAreNamed(t *testing.T) {
	asked, _ := ParseCores("0-5,9")
	within, _ := ParseCores("0-3,8-9")
	err := asked.Check(within)
	var ce *CoresError
	if !errors.As(err, &ce) || !errors.Is(err, ErrOutsideCpuset) {
		t.Fatalf("%v", err)
	}
	if ce.Outside.String() != "4-5" || ce.Allowed != within {
		t.Errorf("outside %v, allowed %v", ce.Outside, ce.Allowed)
	}
	for _, part := range []string{"cores 4-5 ", "cpuset 0-3,8-9:", "taskset"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if err := within.Check(within); err != nil {
		t.Error(err)
	}
}

func FuzzParseCores(f *testing.F) {
	for _, s := range []string{"0-3,6", "", "1023", "5-2", " 1 ,2", "0-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		s, err := ParseCores(list)
		if err != nil {
			return
		}
		if s.Len() == 0 {
			t.Fatalf("%q: an empty set without an error", list)
		}
		if back, err := ParseCores(s.String()); err != nil || back != s {
			t.Fatalf("%q is %q, which reads back as %q, %v", list, s, back, err)
		}
	})
}
