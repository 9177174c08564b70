package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/perf/environment"
)

// sample is a result with something of everything.
func sample(t testing.TB) *Result {
	t.Helper()
	rec := NewRecorder()
	for i := range 20 {
		rec.Add(time.Duration(i)*25*time.Millisecond, 25*time.Millisecond, []int64{200, 210, 220, 230, 5000 + int64(i)})
	}
	timing, err := rec.Timing("round trip")
	if err != nil {
		t.Fatal(err)
	}
	return &Result{
		Kind: "pingpong", Environment: environment.Environment{Kernel: "6.18", Time: time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC), Command: []string{"corechan"}},
		Config: map[string]string{"size": "64"},
		Subjects: []Subject{
			{Name: "shm", Role: System, Figures: []Figure{
				NewFigure("p50", Nanoseconds, Lower, 220, 210, 230).WithSpread([]float64{200, 201}, []float64{230, 231}),
			}, Timings: []Timing{timing}},
			{Name: "cache line", Role: Limit, Figures: []Figure{NewFigure("p50", Nanoseconds, Lower, 150)}},
		},
	}
}

func TestAResultIsReadAsItWasWritten(t *testing.T) {
	r := sample(t)
	path, err := Write(filepath.Join(t.TempDir(), "a.json"), r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, got) {
		t.Errorf("wrote %+v\nread %+v", r, got)
	}
	shm := got.Find(&r.Subjects[0])
	if shm == nil || shm.Figure("p50").Value != 220 || shm.Figure("p50").Low != 200.5 || shm.Figure("p99") != nil {
		t.Errorf("found %+v", shm)
	}
	h, err := shm.Timings[0].Decode()
	if err != nil || h.TotalCount() != 100 {
		t.Errorf("%v times in the histogram: %v", h.TotalCount(), err)
	}
}

func TestFilesAreNamedAfterWhatTheyHold(t *testing.T) {
	dir := t.TempDir()
	disturbed := []environment.Mark{{Kind: environment.Steal, Value: 3, Text: "3 % stolen"}}
	for _, test := range []struct {
		target string
		marks  []environment.Mark
		part   []environment.Mark
		want   string
	}{
		{"a.json", nil, nil, "a.json"},
		{"a.json", disturbed, nil, "a.noisy.json"},
		{"a.noisy.json", disturbed, nil, "a.noisy.json"},
		{"a.noisy.json", nil, nil, "a.json"},
		{"a", nil, disturbed, "a.noisy"},
		{"", nil, nil, "pingpong-20261101T020304Z.json"},
		{"", nil, nil, "pingpong-20261101T020304Z-2.json"},
		{"", disturbed, nil, "pingpong-20261101T020304Z.noisy.json"},
		{"new/", nil, nil, "new/pingpong-20261101T020304Z.json"},
	} {
		r := sample(t)
		r.Marks, r.Subjects[1].Marks = test.marks, test.part
		target := dir
		if test.target != "" {
			target += "/" + test.target
		}
		got, err := Write(target, r)
		if err != nil || got != filepath.Join(dir, test.want) {
			t.Errorf("%q with marks %v, %v: %q, %v; want %q", test.target, test.marks, test.part, got, err, test.want)
		}
	}
	all, err := ReadAll(dir)
	if err != nil || len(all) != 5 {
		t.Errorf("read %d results of the folder, %v", len(all), err)
	}
	left, err := filepath.Glob(dir + "/.corechan*")
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWhatCannotBeWrittenIsExplained(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for target, says := range map[string]string{
		dir + "/no/such/a.json": "make the folder",
		dir + "/file/a.json":    "not a directory",
	} {
		if _, err := Write(target, sample(t)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v does not say %q", target, err, says)
		}
		if err := CheckTarget(target); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("check %s: %v does not say %q", target, err, says)
		}
	}
	if err := CheckTarget(dir); err != nil {
		t.Error(err)
	}
}

func TestAFullDiskIsSaidAndNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4k"); err != nil {
		t.Skip("cannot make a file system of one page: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	r := sample(t)
	for len(r.Subjects) < 100 {
		r.Subjects = append(r.Subjects, r.Subjects[0])
	}
	_, err := Write(dir+"/a.json", r)
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("%v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTextThatNoTerminalShouldSeeIsNotWritten(t *testing.T) {
	r := sample(t)
	r.Environment.Command = []string{"corechan", "\x1b[2Jcleared", "\u202eturned", "bad\xff", strings.Repeat("ä", MaxText)}
	r.Config["a\nb"] = "\a"
	path, err := Write(t.TempDir(), r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Environment.Command[1] != " [2Jcleared" || got.Environment.Command[2] != " turned" || got.Config["a b"] != " " {
		t.Errorf("%q %q", got.Environment.Command[:4], got.Config)
	}
}

// edited is a valid file with something replaced.
func edited(t *testing.T, old, by string) []byte {
	t.Helper()
	r := sample(t)
	r.Format, r.Version = Format, Version
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(old)) {
		t.Fatalf("no %s in %s", old, b)
	}
	return bytes.Replace(b, []byte(old), []byte(by), 1)
}

func TestWhatIsNoResultIsRefusedByName(t *testing.T) {
	histogram := sample(t).Subjects[0].Timings[0].Histogram
	for _, test := range []struct {
		name string
		file []byte
		want error
		says string
	}{
		{"empty", nil, ErrMalformed, "it is empty"},
		{"other JSON", []byte(`{"a": 1}`), ErrMalformed, "--out"},
		{"a list", []byte(`[1]`), ErrMalformed, "line 1"},
		{"cut off", edited(t, `"subjects"`, "\n")[:200], ErrMalformed, "line"},
		{"something after", append(edited(t, "shm", "shm"), '{'), ErrMalformed, "line"},
		{"newer", edited(t, `"version":1`, `"version":9`), ErrVersion, "newer corechan"},
		{"version 0", edited(t, `"version":1`, `"version":0`), ErrVersion, "no version 0"},
		{"no kind", edited(t, `"kind":"pingpong"`, `"kind":""`), ErrMalformed, "what was measured"},
		{"no role", edited(t, `"role":"system"`, `"role":"emperor"`), ErrMalformed, "emperor"},
		{"no name", edited(t, `"name":"shm"`, `"name":""`), ErrMalformed, "no name"},
		{"escape", edited(t, `"kernel":"6.18"`, `"kernel":"\u001b[2J"`), ErrMalformed, "Environment.Kernel"},
		{"long text", edited(t, "6.18", strings.Repeat("x", MaxText+1)), ErrTooLarge, "Environment.Kernel"},
		{"better", edited(t, `"lower"`, `"worse"`), ErrMalformed, "worse"},
		{"infinite", edited(t, `"value":220`, `"value":1e999`), ErrMalformed, "line 1"},
		{"negative", edited(t, `"min_ns":200`, `"min_ns":-1`), ErrMalformed, "less than nothing"},
		{"percentiles", edited(t, `"percent":90`, `"percent":10`), ErrMalformed, "out of order"},
		{"time goes back", edited(t, `"at_s":0.1,`, `"at_s":9,`), ErrMalformed, "begins before"},
		{"bands", edited(t, `"bands":"30:`, `"bands":"300:`), ErrMalformed, "bands"},
		{"bands out of order", edited(t, `"bands":"30:`, `"bands":"60:1 30:`), ErrMalformed, "bands"},
		{"no histogram", edited(t, histogram, "AAAA"), ErrMalformed, "histogram"},
		{"cut histogram", edited(t, histogram, histogram[:40]), ErrMalformed, "histogram"},
		{"another count", edited(t, `"count":100`, `"count":101`), ErrMalformed, "in their histogram"},
		{"long histogram", edited(t, histogram, strings.Repeat("A", maxHistogram+4)), ErrTooLarge, "histogram"},
		{"deep", edited(t, `"size":"64"`, `"size":`+strings.Repeat("[", 100000)), ErrMalformed, "depth"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Read(bytes.NewReader(test.file))
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v; want %v that says %q", err, test.want, test.says)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
	if _, err := readWithin(endless{}, 1<<16, MaxValues); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("an endless file: %v", err)
	}
	if _, err := readWithin(bytes.NewReader(edited(t, `"kind"`, `"x":[`+strings.Repeat("0,", 1000)+`0],"kind"`)), MaxFile, 1000); !errors.Is(err, ErrTooLarge) ||
		!strings.Contains(err.Error(), "values") {
		t.Errorf("a file of many values: %v", err)
	}
	if _, err := ReadAll(t.TempDir()); !errors.Is(err, ErrMalformed) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := ReadAll(t.TempDir() + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestFieldsOfLaterVersionsAreIgnored(t *testing.T) {
	if _, err := Read(bytes.NewReader(edited(t, `"kind"`, `"weather":{"rain":[1]},"kind"`))); err != nil {
		t.Error(err)
	}
}

// Whatever a file says, reading it ends in an error or in a result that can be written and read again.
func FuzzRead(f *testing.F) {
	r := sample(f)
	r.Format, r.Version = Format, Version
	b, err := json.Marshal(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":"corechan perf","version":1,"kind":"x","subjects":[{"name":"a","role":"limit"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		b, err = r.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Read(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(normal(t, r), normal(t, again)) {
			t.Errorf("%+v\nread again %+v", r, again)
		}
	})
}

// normal makes empty lists and absent ones the same.
func normal(t *testing.T, r *Result) string {
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
