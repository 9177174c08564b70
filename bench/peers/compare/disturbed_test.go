package compare

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestOnesOwnWorkIsNoDisturbance(t *testing.T) {
	before := watchMachine()
	for begin := ownTime(); ownTime()-begin < 0.3; { // busy
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	now := watchMachine()
	if own := now.own - before.own; own < 0.3 {
		t.Errorf("own work is %v s", own)
	}
	if now.busy-before.busy < 0.2 || now.busy-before.busy > 3600 {
		t.Errorf("all cores were busy for %v s", now.busy-before.busy)
	}
}

func TestADisturbedRunIsMarked(t *testing.T) {
	r := sample()
	r.Disturbance = Disturbance{Others: 1.2, Steal: 0.1}
	names, err := Files(t.TempDir(), r)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !noisyName.MatchString(name) {
			t.Errorf("%s is not called noisy", name)
		}
	}
	if d := (Disturbance{Others: 0.05}); d.Disturbed() {
		t.Error("a twentieth of a core is called a disturbance")
	}
	begin := watch{at: time.Now().Add(-time.Second), busy: watchMachine().busy - 2, own: ownTime() - 0.5}
	if d := begin.since(); d.Others < 0.7 || d.Others > 4 {
		t.Errorf("others: %v cores, of 1.5 and what went on since", d.Others)
	}
}
