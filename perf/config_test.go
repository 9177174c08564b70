package perf

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/perf/rig"
)

// of makes a machine of these cores, all online and each a physical core of its own.
func of(cores ...int) rig.Machine {
	return rig.Machine{Online: cores, Allowed: cores, Sibling: func(c int) []int { return []int{c} }}
}

func TestDefaultsOfAConfig(t *testing.T) {
	c, err := Config{}.complete(pingpong, of(0, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	if c.Transport != Shm || c.Size != 64 || c.Seconds != 2 || c.Count != 0 || c.Wait != Spin || c.Mode != Typed ||
		c.Ring != 256<<10 || c.Runs != 1 || FormatCores(c.Cores) != "0,1" {
		t.Errorf("%+v", c)
	}
	if c, err = (Config{Count: 7}).complete(pingpong, of(0, 1)); err != nil || c.Seconds != 0 {
		t.Errorf("with a count: %+v, %v", c, err)
	}
}

func TestWhatIsWrongWithAConfigIsSaidAndWhatToDoInstead(t *testing.T) {
	two := of(0, 1)
	confined := of(2, 3)
	confined.Online = []int{0, 1, 2, 3}
	for _, test := range []struct {
		name    string
		config  Config
		machine rig.Machine
		want    error
		says    []string
	}{
		{"transport", Config{Transport: "smoke"}, two, ErrConfig, []string{`"smoke"`, "use shm, inmem, unix"}},
		{"wait", Config{Wait: "nap"}, two, ErrConfig, []string{`"nap"`, "spin, hybrid or block"}},
		{"mode", Config{Mode: "rare"}, two, ErrConfig, []string{`"rare"`, "typed or raw"}},
		{"count and seconds", Config{Count: 1, Seconds: 1}, two, ErrConfig, []string{"count", "seconds", "one of them"}},
		{"negative count", Config{Count: -1}, two, ErrConfig, []string{"-1", "at least 1"}},
		{"negative seconds", Config{Seconds: -1}, two, ErrConfig, []string{"-1", "more than 0"}},
		{"too many runs", Config{Runs: 1e6}, two, ErrConfig, []string{"1000000", "1 to 1000"}},
		{"ring no power of two", Config{Ring: 5000}, two, ErrConfig, []string{"5000", "power of two"}},
		{"ring too small", Config{Ring: 2048}, two, ErrConfig, []string{"2048", "4096"}},
		{"ring too large", Config{Ring: 1 << 31}, two, ErrConfig, []string{"1073741824"}},
		{"typed too small", Config{Size: 20}, two, ErrSize, []string{"20", "at least 21"}},
		{"typed size that does not exist", Config{Size: 277}, two, ErrSize, []string{"277", "279"}},
		{"raw too small", Config{Size: -1, Mode: Raw}, two, ErrSize, []string{"at least 1"}},
		{"beyond the ring", Config{Size: 1 << 20}, two, ErrSize, []string{"1048576", "262144", "--ring 1073741824"}},
		{"beyond the largest ring", Config{Size: 1<<30 + 1, Ring: 1 << 30}, two, ErrSize, []string{"no ring is larger"}},
		{"negative pause", Config{Pause: -1}, two, ErrConfig, []string{"-1ns", "0 to 1s"}},
		{"long pause", Config{Pause: time.Minute}, two, ErrConfig, []string{"1m0s", "0 to 1s"}},
		{"nothing to compare", Config{Compare: true}, two, ErrConfig, []string{"--wait hybrid"}},
		{"one core, polling", Config{}, of(5), ErrCores, []string{"one (5)", "--wait hybrid or block", "cpuset"}},
		{"the same core twice", Config{Cores: []int{1, 1}}, two, ErrCores, []string{"1 twice", "--wait hybrid or block"}},
		{"no such core", Config{Cores: []int{0, 9}}, two, ErrCores, []string{"no core 9", "0,1"}},
		{"outside the cpuset", Config{Cores: []int{0, 2}}, confined, ErrCores, []string{"0 is outside", "2,3", "taskset -c 0,2"}},
		{"three cores", Config{Cores: []int{0, 1, 2}}, of(0, 1, 2), ErrCores, []string{"3 given", "0,1"}},
		{"goroutines are not pinned", Config{Transport: Inmem, Wait: Block, Cores: []int{0, 1}}, two, ErrCores, []string{"leave --cores out"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.config.complete(pingpong, test.machine)
			if !errors.Is(err, test.want) || !errors.Is(err, ErrConfig) {
				t.Fatalf("error %v, want one that is %v", err, test.want)
			}
			for _, s := range test.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
}

func TestWhatAStreamRefuses(t *testing.T) {
	for _, test := range []struct {
		config Config
		says   string
	}{
		{Config{Size: 1 << 17}, "more than the 87360 "},
		{Config{Pause: 1}, "pauses"},
		{Config{Wait: Hybrid, Compare: true}, "ping-pong"},
	} {
		if _, err := test.config.complete(stream, of(0, 1)); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v does not say %q", test.config, err, test.says)
		}
	}
	if _, err := (Config{Size: 1 << 17}).complete(pingpong, of(0, 1)); err != nil {
		t.Errorf("a ping-pong of half the ring: %v", err)
	}
}

func TestWhereOneCoreIsEnough(t *testing.T) {
	for _, c := range []Config{{Wait: Block}, {Wait: Hybrid}, {Wait: Block, Cores: []int{3, 3}}, {Wait: Hybrid, Cores: []int{3, 3}}} {
		c, err := c.complete(pingpong, of(3))
		if err != nil || len(c.Cores) != 2 || c.Cores[0] != 3 || c.Cores[1] != 3 {
			t.Errorf("%v, %v", c.Cores, err)
		}
	}
	c, err := Config{Transport: Inmem, Wait: Block}.complete(pingpong, of(3))
	if err != nil || c.Cores == nil || len(c.Cores) != 0 {
		t.Errorf("%#v, %v", c.Cores, err)
	}
}

func TestCoresThatShareAPhysicalCoreAreTheSecondChoice(t *testing.T) {
	m := of(0, 1, 2, 3)
	m.Sibling = func(c int) []int { return []int{c &^ 1, c | 1} }
	if got := FormatCores(m.Pick()); got != "0,2" {
		t.Errorf("picked %s of four", got)
	}
	m.Allowed = []int{2, 3}
	if got := FormatCores(m.Pick()); got != "2,3" {
		t.Errorf("picked %s of two siblings", got)
	}
}

func TestCoreLists(t *testing.T) {
	for text, short := range map[string]string{
		"0": "0", "0,1": "0,1", "1,0": "1,0", "0-3": "0-3", "0-3,6": "0-3,6", "0,1,2,5": "0-2,5", "3,3": "3,3",
	} {
		cores, err := ParseCores(text)
		if got := FormatCores(cores); err != nil || got != short {
			t.Errorf("%q: %q, %v; want %q", text, got, err, short)
		}
	}
	for _, text := range []string{"", "a", "1,", ",1", "3-1", "-1", "0-", "99999", "0x1", "1 2"} {
		if cores, err := ParseCores(text); !errors.Is(err, ErrCores) {
			t.Errorf("%q: %v, %v", text, cores, err)
		}
	}
}

func FuzzParseCores(f *testing.F) {
	for _, seed := range []string{"0,1", "0-3,6", "", "4095", "7-7"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cores, err := ParseCores(text)
		if err != nil {
			return
		}
		again, err := ParseCores(FormatCores(cores))
		if err != nil || FormatCores(again) != FormatCores(cores) {
			t.Errorf("%q: %v, then %v, %v", text, cores, again, err)
		}
	})
}
