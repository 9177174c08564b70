package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/bench/peers/peer"
	"github.com/corechan/corechan/bench/peers/rivals"
	"github.com/corechan/corechan/bench/peers/worker"
)

// TestMain is a worker, if that is what it was started as.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "worker" {
		e := rivals.Find(os.Args[2])
		if e == nil {
			e = bad(os.Args[2])
		}
		out, err := worker.OwnOutput()
		if err == nil {
			err = worker.Run(context.Background(), e, os.Args[3:], os.Stdin, out)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) // libraries begin some when they are imported
}

// badPeer fails in one of several ways.
type badPeer struct {
	how  string
	far  peer.Peer
	size int
}

// bad returns the entry of a peer that fails.
func bad(id string) *peer.Entry {
	how, _, _ := strings.Cut(id, "/")
	e := rivals.Find("net.Conn/unix")
	return &peer.Entry{Name: how, Network: "unix", New: func(c peer.Case) (peer.Peer, error) {
		far, err := e.New(c)
		if how == "refuses" {
			err = peer.Cannot("it does not want to")
		}
		return &badPeer{how, far, c.Size}, err
	}}
}

func (p *badPeer) Serve(ctx context.Context, addr string) (string, error) {
	if p.how == "cannot-serve" {
		return "", errors.New("there is no room")
	}
	addr, err := p.far.Serve(ctx, addr)
	if p.how == "dies" {
		go func() {
			for runtime.NumGoroutine() < 6 { // until somebody is connected and served
				runtime.Gosched()
			}
			peer.Fail(errors.New("it has fallen over"))
		}()
	}
	return addr, err
}

func (p *badPeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	c, err := p.far.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &liar{c.(peer.Channel), p.how, 0}, nil
}

func (p *badPeer) Close() error { return p.far.Close() }

// liar is a connection that loses a message, or panics.
type liar struct {
	peer.Channel
	how  string
	sent int
}

func (l *liar) Send(b []byte) error {
	switch l.sent++; {
	case l.how == "panics" && l.sent == 3:
		panic("the sky")
	case l.how == "loses" && l.sent == 3:
		b = bytes.Clone(b)
		peer.Stamp(b, 4, true) // as if there had been another one before
	}
	return l.Channel.Send(b)
}

func options(entries []peer.Entry, cases ...peer.Case) *Options {
	return &Options{
		Rounds: 1, Slice: 3 * time.Millisecond, Limit: time.Millisecond, Cores: cores(), Cases: cases, Entries: entries,
	}
}

// cores are two that this process may use.
func cores() [2]int {
	for a := range 64 {
		for b := a + 1; b < 64; b++ {
			if c := [2]int{a, b}; CheckCores(c) == nil {
				return c
			}
		}
	}
	return [2]int{-1, -1}
}

func needCores(t *testing.T) {
	t.Helper()
	if err := CheckCores(cores()); err != nil {
		t.Skip(err)
	}
}

func TestAllDoTheirWorkOrSayWhyNot(t *testing.T) {
	needCores(t)
	cases := []peer.Case{
		{Kind: peer.Trip, Size: 1 << 20, Conns: 1, Inflight: 1},
		{Kind: peer.Stream, Size: 64, Conns: 1, Inflight: 1},
		{Kind: peer.Calls, Size: 4096, Conns: 1, Inflight: 64},
		{Kind: peer.Crowd, Size: 64, Conns: 5, Inflight: 1},
	}
	if testing.Short() {
		cases = cases[:1]
	}
	ours := []string{
		"corechan-spin/shm", "corechan-raw-spin/shm", "corechan-block/shm", "corechan-handler-block/unix", "corechan-hybrid/tcp",
		"corechan-service-block/unix",
	}
	entries := slices.DeleteFunc(rivals.All(), func(e peer.Entry) bool { return e.Ours && !slices.Contains(ours, e.ID()) })
	r, err := Run(t.Context(), options(entries, cases...))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range r.NotMeasured {
		if n.Failed || n.Why == "" {
			t.Errorf("%+v", n)
		}
	}
	for i, c := range r.Cases {
		said := 0
		for _, n := range r.NotMeasured {
			if n.Case == nil || *n.Case == cases[i] {
				said++
			}
		}
		if len(c.Rows)+said != len(entries) {
			t.Errorf("%s: %d rows and %d reasons for %d entries", c.Case, len(c.Rows), said, len(entries))
		}
		for _, row := range c.Rows {
			if row.Figure <= 0 || row.Ratio <= 0 || row.CPU <= 0 || row.Memory <= 0 || len(row.Rounds) != 1 {
				t.Errorf("%s: %+v", c.Case, row)
			}
		}
	}
	names, err := Files(t.TempDir(), r)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil || len(b) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
		var back Report
		if strings.HasSuffix(name, ".json") && (json.Unmarshal(b, &back) != nil || len(back.Cases) != len(cases)) {
			t.Errorf("%s does not read back", name)
		}
		if strings.HasSuffix(name, ".svg") && !bytes.Contains(b, []byte("net.Conn, unix")) {
			t.Errorf("%s does not name a rival", name)
		}
	}
}

func TestWhatFailsIsNamedAndHarmsNobody(t *testing.T) {
	needCores(t)
	missing := peer.Entry{Name: "missing", Network: "unix", Missing: "nobody has it"}
	uncompiled := peer.Entry{Name: "uncompiled", Network: "unix", Command: func() (string, error) { return "", errors.New("no compiler") }}
	entries := []peer.Entry{missing, uncompiled}
	for _, how := range []string{"refuses", "cannot-serve", "dies", "loses", "panics"} {
		entries = append(entries, *bad(how))
	}
	entries = append(entries, *rivals.Find("net.Conn/unix"))
	r, err := Run(t.Context(), options(entries, peer.Case{Kind: peer.Trip, Size: 64, Conns: 1, Inflight: 1}))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Cases) != 1 || len(r.Cases[0].Rows) != 1 || r.Cases[0].Rows[0].ID != "net.Conn/unix" {
		t.Errorf("rows: %+v", r.Cases)
	}
	for _, want := range []struct {
		id, why string
		failed  bool
	}{
		{"missing/unix", "nobody has it", false},
		{"uncompiled/unix", "no compiler", false},
		{"refuses/unix", "it does not want to", false},
		{"cannot-serve/unix", "there is no room", true},
		{"dies/unix", "it has fallen over", true},
		{"loses/unix", "another message than was due", true},
		{"panics/unix", "the sky", true},
	} {
		if !slices.ContainsFunc(r.NotMeasured, func(n NotMeasured) bool {
			return n.ID == want.id && strings.Contains(n.Why, want.why) && n.Failed == want.failed
		}) {
			t.Errorf("%s is not named, with %q, failed %v: %+v", want.id, want.why, want.failed, r.NotMeasured)
		}
	}
	var table bytes.Buffer
	if err := Print(&table, r); err != nil || !strings.Contains(table.String(), "FAILED: ") {
		t.Errorf("%v:\n%s", err, &table)
	}
}

func TestAnInterruptedRunReportsWhatItHas(t *testing.T) {
	needCores(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := peer.Case{Kind: peer.Trip, Size: 64, Conns: 1, Inflight: 1}
	o := options([]peer.Entry{*rivals.Find("net.Conn/unix")}, c, c, c)
	o.Progress = func(done float64, _ string) {
		if done > 0.4 {
			cancel()
		}
	}
	r, err := Run(ctx, o)
	if err != nil || !r.Interrupted || len(r.Cases) == 0 || len(r.Cases) == 3 {
		t.Errorf("%v; %+v", err, r)
	}
}

func TestFilesOfAnEarlierReportGo(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "compare-trip-7.svg")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := Files(dir, sample())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("an old picture is still there")
	}
	if len(names) != 4 {
		t.Errorf("written: %q", names)
	}
	if _, err := Files(filepath.Join(names[0], "x"), sample()); err == nil {
		t.Error("no error where there can be no folder")
	}
}

func TestCoresAreChecked(t *testing.T) {
	for _, c := range [][2]int{{0, 0}, {-1, 0}, {0, 900}} {
		if err := CheckCores(c); err == nil {
			t.Errorf("cores %v were taken", c)
		}
	}
}
