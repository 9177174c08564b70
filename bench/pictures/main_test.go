package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/perf/result"
)

// kept writes a result of a system and its limit, and returns its file.
func kept(t *testing.T, name string) string {
	t.Helper()
	r := &result.Result{Kind: "pingpong"}
	for _, s := range []struct {
		role result.Role
		name string
	}{{result.System, "shm"}, {result.Limit, "cache line <&>"}} {
		rec := result.NewRecorder()
		for i := range int64(40) {
			var times []int64
			for j := range int64(50) {
				times = append(times, 200+i*j*j)
			}
			rec.Add(time.Duration(i)*25*time.Millisecond, 25*time.Millisecond, times)
		}
		timing, err := rec.Timing("round trip")
		if err != nil {
			t.Fatal(err)
		}
		r.Subjects = append(r.Subjects, result.Subject{Name: s.name, Role: s.role, Timings: []result.Timing{timing}})
	}
	path, err := result.Write(filepath.Join(t.TempDir(), name+".json"), r)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPicturesAreWellFormedAndFollowTheReadersColours(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	if err := run([]string{"-o", dir, kept(t, "a"), kept(t, "b")}, &out); err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(out.String())
	if len(names) != 3 {
		t.Fatalf("%q", names)
	}
	for _, name := range names {
		svg, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(bytes.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if !bytes.Contains(svg, []byte("prefers-color-scheme:dark")) || !bytes.Contains(svg, []byte("var(--c3)")) {
			t.Errorf("%s has one scheme of colours", name)
		}
		// A stand-in that was left would be the same black in both schemes.
		if left := regexp.MustCompile(`#010[23][0-9A-F]{2}`).Find(svg); left != nil {
			t.Errorf("%s has the stand-in %s", name, left)
		}
		if strings.Contains(name, "percentiles") && (!bytes.Contains(svg, []byte("99.9 %")) || !bytes.Contains(svg, []byte("a: cache line &lt;"))) {
			t.Errorf("%s has no name or tick", name)
		}
	}
}

func TestWhatCannotBeDrawnIsSaid(t *testing.T) {
	rates, err := result.Write(t.TempDir(), &result.Result{Kind: "stream", Subjects: []result.Subject{{Name: "shm", Role: result.System}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		says string
	}{
		{nil, "--out"},
		{[]string{"/no/such/file"}, "no such file"},
		{[]string{rates}, "streams"},
		{[]string{"-o", "/no/such/folder", kept(t, "a")}, "no such file"},
	} {
		if err := run(test.args, io.Discard); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: %v does not say %q", test.args, err, test.says)
		}
	}
}
