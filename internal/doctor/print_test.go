package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

var sample = []Finding{
	{"one", "seals", "kept", OK, "shared memory", ""},
	{"one", "a longer name", "three words here", Missing, "words that go on beyond the end of a line", "buy it"},
	{"two", "speed", "slow", Warn, "getting there", "wait"},
	{"two", "weather", "not told", Unknown, "mood", ""},
}

func ExamplePrint() {
	_ = Print(os.Stdout, sample, &PrintOptions{Width: 50, Color: ColorNever})
	// Output:
	// one
	//   ok       seals          kept
	//            why: shared memory
	//   missing  a longer name  three words here
	//            why: words that go on beyond the end of
	//                 a line
	//            fix: buy it
	//
	// two
	//   warn     speed          slow
	//            why: getting there
	//            fix: wait
	//   unknown  weather        not told
	//            why: mood
	//
	// 4 findings, 1 ok, 1 warn, 1 missing, 1 unknown
}

func ExamplePrint_brief() {
	_ = Print(os.Stdout, sample[:2], &PrintOptions{Brief: true, Color: ColorNever})
	// Output:
	// one
	//   ok       seals          kept
	//   missing  a longer name  three words here
	//
	// 2 findings, 1 ok, 1 missing
}

func TestPrintIsPlainWhereNoTerminalReads(t *testing.T) {
	var b bytes.Buffer
	if err := Print(&b, sample, nil); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Errorf("colours: %q", b.String())
	}
	for line := range strings.Lines(b.String()) {
		if trimmed := strings.TrimRight(line, " \n"); trimmed+"\n" != line {
			t.Errorf("blanks at the end of %q", line)
		}
	}
}

func TestColoursChangeNothingElse(t *testing.T) {
	var plainText, painted bytes.Buffer
	for _, err := range []error{
		Print(&plainText, sample, &PrintOptions{Color: ColorNever}),
		Print(&painted, sample, &PrintOptions{Color: ColorAlways}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got := painted.String()
	for _, style := range []string{bold, dim, red, green, yellow, reset} {
		if !strings.Contains(got, style) {
			t.Errorf("%q is nowhere", style)
		}
		got = strings.ReplaceAll(got, style, "")
	}
	if got != plainText.String() {
		t.Errorf("got\n%s\nwant\n%s", got, &plainText)
	}
}

func TestPrintTellsWhenItCannotWrite(t *testing.T) {
	full := errors.New("disk full")
	if err := Print(writerFunc(func([]byte) (int, error) { return 0, full }), sample, nil); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestSizesAreWrittenAsPeopleDo(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB",
		8 << 20: "8 MiB", 200<<20 + 1: "200 MiB", 1 << 62: "4 EiB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestManyAreAbridged(t *testing.T) {
	var all []string
	for i := range 6 {
		all = append(all, fmt.Sprint(i))
	}
	if got, want := abridge(all), "0; 1; 2; 3; and 2 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
