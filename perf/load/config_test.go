package load

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/rig"
)

// of makes a machine of these cores, all online and each a physical core of its own.
func of(cores ...int) rig.Machine {
	return rig.Machine{Online: []int{0, 1, 2, 3, 4, 5, 6, 7}, Allowed: cores, Sibling: func(c int) []int { return []int{c} }}
}

func TestDefaultsOfAConfig(t *testing.T) {
	c, err := Config{Rate: 1000, Warm: -1}.complete(of(2, 3))
	if err != nil {
		t.Fatal(err)
	}
	if c.Transport != rig.Shm || c.Size != 64 || c.Wait != perf.Spin || c.Senders != 1 || c.Sessions != 1 || c.Warm != 0 || c.Seed != 1 ||
		rig.FormatCores(c.Cores) != "2,3" || c.Rounds != DefaultRounds || c.Round != time.Second {
		t.Errorf("%+v", c)
	}
	c, err = Config{Rate: 1000, Senders: 3}.complete(of(1, 2, 5, 6, 7))
	if err != nil || rig.FormatCores(c.Cores) != "1,2,5,6" || c.Sessions != 3 {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = Config{Rate: 1000, Transport: rig.WS}.complete(of(1))
	if err != nil || c.Wait != perf.Block || len(c.Cores) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestWhatIsWrongWithALoadIsSaidAndWhatToDoInstead(t *testing.T) {
	two := of(0, 1)
	for _, test := range []struct {
		config  Config
		machine rig.Machine
		want    error
		says    string
	}{
		{Config{}, two, rig.ErrConfig, "--rate 100k"},
		{Config{Rate: -5}, two, rig.ErrConfig, "more than 0"},
		{Config{Rate: math.NaN()}, two, rig.ErrConfig, "more than 0"},
		{Config{Rate: math.Inf(1)}, two, rig.ErrConfig, "more than 0"},
		{Config{Rate: 1e9}, two, rig.ErrConfig, "no machine keeps; give at most 100 M"},
		{Config{Rate: 0.5}, two, rig.ErrConfig, "give longer rounds"},
		{Config{Rate: 1, Transport: "smoke"}, two, rig.ErrConfig, "use shm, inmem"},
		{Config{Rate: 1, Transport: rig.Bare}, two, rig.ErrConfig, "use shm, inmem"},
		{Config{Rate: 1, Wait: "nap"}, two, rig.ErrConfig, "spin, hybrid or block"},
		{Config{Rate: 1, Transport: rig.H2, Wait: perf.Spin}, two, rig.ErrConfig, "--wait block"},
		{Config{Rate: 1, Size: 20}, two, rig.ErrSize, "at least 21"},
		{Config{Rate: 1, Size: -1}, two, rig.ErrSize, "at least 21"},
		{Config{Rate: 1, Size: 1 << 20}, two, rig.ErrSize, "--ring"},
		{Config{Rate: 1, Size: 21, Stall: time.Second}, two, rig.ErrSize, "22 at least"},
		{Config{Rate: 1, Stall: time.Hour}, two, rig.ErrConfig, "0 to 10s"},
		{Config{Rate: 1, Senders: 2}, two, rig.ErrCores, "need 3"},
		{Config{Rate: 1}, of(1), rig.ErrCores, "more cores"},
		{Config{Rate: 1, Cores: []int{0}}, two, rig.ErrCores, "give 2"},
		{Config{Rate: 1, Cores: []int{0, 99}}, two, rig.ErrCores, "no core 99"},
		{Config{Rate: 1, Cores: []int{0, 5}}, two, rig.ErrCores, "outside the set of this process (0,1)"},
		{Config{Rate: 1, Cores: []int{1, 1}}, two, rig.ErrCores, "1 twice"},
		{Config{Rate: 1, Transport: rig.H2, Cores: []int{0, 1}}, two, rig.ErrCores, "leave --cores out"},
		{Config{Rate: 1, Senders: -1}, two, rig.ErrConfig, "1 to 256"},
		{Config{Rate: 1, Sessions: MaxSessions + 1}, two, rig.ErrConfig, "10000 at most"},
		{Config{Rate: 1, Rounds: -1}, two, rig.ErrConfig, "-1 rounds"},
		{Config{Rate: 1, Round: time.Millisecond}, two, rig.ErrConfig, "10ms to"},
		{Config{Rate: 1, Warm: 2 * time.Hour}, two, rig.ErrConfig, "warm up"},
		{Config{Rate: 1, Ring: 5000}, two, rig.ErrConfig, "power of two"},
	} {
		_, err := test.config.complete(test.machine)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v; want it to say %q", test.config, err, test.says)
		}
	}
}
