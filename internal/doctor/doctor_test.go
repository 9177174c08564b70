package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func find(t *testing.T, found []Finding, name string) Finding {
	t.Helper()
	i := slices.IndexFunc(found, func(f Finding) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no finding is named %q", name)
	}
	return found[i]
}

// complete fails where a finding leaves out what every finding has.
func complete(t *testing.T, found []Finding) {
	t.Helper()
	names := map[string]bool{}
	for _, f := range found {
		if f.Group == "" || f.Name == "" || f.Value == "" || f.Why == "" {
			t.Errorf("incomplete: %+v", f)
		}
		if !slices.Contains([]Status{OK, Warn, Missing, Unknown}, f.Status) {
			t.Errorf("%s: status %q", f.Name, f.Status)
		}
		if (f.Status == Warn || f.Status == Missing) && f.Fix == "" {
			t.Errorf("%s is %s (%s) and does not say how to get it", f.Name, f.Status, f.Value)
		}
		if names[f.Name] {
			t.Errorf("%s is found twice", f.Name)
		}
		names[f.Name] = true
	}
}

func TestThisMachineIsLookedAtWithoutLeavingDescriptors(t *testing.T) {
	Run(t.Context()) // what the runtime opens once
	before := descriptorsOpen(t)
	found := Run(t.Context())
	if after := descriptorsOpen(t); after != before {
		t.Errorf("%d descriptors open, %d before", after, before)
	}
	complete(t, found)
	for _, name := range []string{"release", "allowed", "descriptors", "cgroup limit"} {
		if f := find(t, found, name); f.Status == Unknown {
			t.Errorf("%s: %s", name, f.Value)
		}
	}
}

func descriptorsOpen(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

func TestSealsOfThisKernelAreKept(t *testing.T) {
	err := tryFutureWrite()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		t.Skipf("F_SEAL_FUTURE_WRITE needs Linux 5.1: %v", err)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestAMachineWithoutFilesIsNoReasonToStop(t *testing.T) {
	for name, probes := range map[string]Probes{
		"all works":  works(),
		"old kernel": fails(unix.ENOSYS),
		"forbidden":  fails(unix.EPERM),
		"no PMU":     fails(unix.ENOENT),
		"strange":    fails(errors.New("strange")),
	} {
		t.Run(name, func(t *testing.T) {
			h := &Host{Files: tree{}.files(), Probes: probes}
			complete(t, h.Run(t.Context()))
		})
	}
}

func TestFilesThatMakeNoSenseAreNoReasonToStop(t *testing.T) {
	for _, nonsense := range []string{"", " ", "\x00\xff", "-1", "[", "1-", "99999999999999999999", "a:b\n:\n"} {
		files := tree{}
		for path := range full {
			files[path] = nonsense
		}
		h := &Host{Files: files.files(), Probes: works()}
		for _, f := range h.Run(t.Context()) {
			if f.Group == "" || f.Name == "" || f.Why == "" || f.Status == "" {
				t.Errorf("%q: incomplete: %+v", nonsense, f)
			}
		}
	}
}

func TestRunStopsWhenItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := &Host{Files: full.files(), Probes: works()}
	h.Probes.PeerPidfd = func() error { cancel(); return nil }
	found := h.Run(ctx)
	if last := found[len(found)-1].Name; last != "SO_PEERPIDFD" {
		t.Errorf("the last finding is %s, want that during which the context ended", last)
	}
}

func TestFindingsAsJSON(t *testing.T) {
	b, err := json.Marshal(Finding{Group: "g", Name: "n", Value: "v", Status: OK, Why: "w"})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"group":"g","name":"n","value":"v","status":"ok","why":"w"}`; string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

func TestAMachineThatHasItAllIsOKThroughout(t *testing.T) {
	h := &Host{Files: full.files(), Probes: works()}
	found := h.Run(t.Context())
	complete(t, found)
	for _, f := range found {
		if f.Status != OK || f.Fix != "" {
			t.Errorf("%s: %s %q, fix %q", f.Name, f.Status, f.Value, f.Fix)
		}
	}
}
