package perf

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	results "github.com/corechan/corechan/perf/result"
)

// What each kind leaves on disk: every contestant, with a figure of each run.
func TestAMeasurementLeavesAllItsFigures(t *testing.T) {
	forTwoCores(t, Config{})
	pingpongResult := func(ctx context.Context, c Config, o *Options) error { _, err := Pingpong(ctx, c, o); return err }
	for _, test := range []struct {
		kind     kind
		config   Config
		do       func(context.Context, Config, *Options) error
		subjects string
		figures  string // of the system
		timings  int
	}{
		{
			pingpong,
			Config{},
			pingpongResult,
			"system shm, limit cache line", "p50 p90 mean max rate bytes ratio allocs per op busy", 2,
		},
		{
			pingpong,
			Config{Wait: Hybrid, Compare: true},
			pingpongResult,
			"system shm, limit cache line, rival shm, spin, rival shm, block", "p50 rate ratio", 2,
		},
		{
			pingpong,
			Config{Transport: Unix, Wait: Block},
			pingpongResult,
			"system unix, limit blocking calls, limit net.Conn", "p50 ratio ratio to net.Conn", 3,
		},
		{
			stream,
			Config{},
			func(ctx context.Context, c Config, o *Options) error { _, err := Stream(ctx, c, o); return err },
			"system shm, limit ring", "rate bytes ratio allocs per op", 0,
		},
		{
			call,
			Config{Inflight: 3},
			func(ctx context.Context, c Config, o *Options) error { _, err := Call(ctx, c, o); return err },
			"system shm, limit plain round trip, rival one call at a time", "p50 rate ratio", 2,
		},
		{
			passing,
			Config{},
			func(ctx context.Context, c Config, o *Options) error { _, err := Descriptor(ctx, c, o); return err },
			"system shm, limit sendmsg and recvmsg", "p50 ratio", 2,
		},
		{
			byteStream,
			Config{},
			func(ctx context.Context, c Config, o *Options) error { _, err := Bytes(ctx, c, o); return err },
			"system shm, limit raw messages of 64 KiB, rival ring", "rate bytes ratio", 0,
		},
	} {
		t.Run(fmt.Sprintf("%s %+v", test.kind, test.config), func(t *testing.T) {
			c := test.config
			c.Count, c.Runs = 53, 2
			o := testOptions(nil)
			o.Result = &results.Result{}
			if err := test.do(t.Context(), c, o); err != nil {
				t.Fatal(err)
			}
			path, err := results.Write(t.TempDir(), o.Result)
			if err != nil {
				t.Fatal(err)
			}
			r, err := results.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			timings := 0
			for _, s := range r.Subjects {
				names = append(names, string(s.Role)+" "+s.Name)
				timings += len(s.Timings)
				for _, f := range s.Figures {
					if len(f.Runs) != 2 || f.Value < 0 || f.Low > f.High {
						t.Errorf("%s: %+v", s.Name, f)
					}
				}
			}
			if got := strings.Join(names, ", "); got != test.subjects || timings != test.timings {
				t.Errorf("%s with %d timings; want %s with %d", got, timings, test.subjects, test.timings)
			}
			system := r.Subjects[0]
			if test.kind.trips() && system.Timings[0].Count != 2*53 {
				t.Errorf("%d round trips in the histogram", system.Timings[0].Count)
			}
			for f := range strings.FieldsSeq("p50 rate ratio") {
				if strings.Contains(test.figures, f) && (system.Figure(f) == nil || system.Figure(f).Value <= 0) {
					t.Errorf("no %s in %+v", f, system.Figures)
				}
			}
			if r.Kind != string(test.kind) || r.Config["count"] != "53" || r.Config["runs"] != "2" || r.Environment.Kernel == "" {
				t.Errorf("%s %v %+v", r.Kind, r.Config, r.Environment)
			}
		})
	}
}

// Ctrl-C leaves what was measured until then.
func TestAnInterruptedMeasurementIsKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := testOptions(func(Progress) { cancel() })
	o.Result = &results.Result{}
	if _, err := Pingpong(ctx, Config{Transport: Inmem, Wait: Block, Seconds: 3600}, o); err != nil {
		t.Fatal(err)
	}
	if !o.Result.Interrupted || len(o.Result.Subjects) != 2 || o.Result.Subjects[0].Timings[0].Count == 0 {
		t.Errorf("%+v", o.Result)
	}
}

func TestBothProcessesWriteTheirProfiles(t *testing.T) {
	forTwoCores(t, Config{})
	dir := t.TempDir()
	c := Config{Count: 53, Runs: 2, Profile: Profile{CPU: dir + "/cpu.pprof", Trace: dir + "/all"}}
	o := testOptions(nil)
	o.Result = &results.Result{}
	if _, err := Pingpong(t.Context(), c, o); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"cpu.pprof", "cpu.peer.pprof", "cpu-2.pprof", "cpu-2.peer.pprof", "all", "all.peer", "all-2", "all-2.peer",
	} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !o.Result.Noisy() {
		t.Error("a profiled run is not marked")
	}
	c.Profile.CPU = dir + "/no/such/folder"
	if _, err := Pingpong(t.Context(), c, testOptions(nil)); err == nil || !strings.Contains(err.Error(), "write a profile") {
		t.Errorf("a profile that cannot be written: %v", err)
	}
}
