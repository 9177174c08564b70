package probe

import (
	"testing"
	"time"
)

const statText = `cpu  1915435 292 335266 2160173 4903 0 6764 76921 0 0
cpu0 947886 145 176438 1081878 1426 0 2952 38480 0 0
cpu3 967549 146 158827 1078294 3476 0 3812 38441 0 0
intr 191682076 0 0
`

func TestStealIsReadOfEachCoreThatIsOnline(t *testing.T) {
	cores, err := parseProcStat([]byte(statText))
	if err != nil || len(cores) != 2 || cores[0] != (coreSteal{0, 384800 * time.Millisecond}) || cores[1].id != 3 {
		t.Errorf("%v, %v", cores, err)
	}
	for _, text := range []string{"", "intr 5\n", "cpu0 1 2 3\n", "cpux 1 2 3 4 5 6 7 8\n", "cpu0 1 2 3 4 5 6 7 -x\n"} {
		if _, err := parseProcStat([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzProcStat(f *testing.F) {
	f.Add([]byte(statText))
	f.Fuzz(func(t *testing.T, b []byte) {
		cores, err := parseProcStat(b)
		if err == nil && len(cores) == 0 {
			t.Error("no core and no error")
		}
		for _, c := range cores {
			if c.id < 0 {
				t.Errorf("core %d", c.id)
			}
		}
	})
}
