package compare

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/bench/peers/peer"
)

// row makes a Row of these ratios.
func row(name, network string, ours bool, cpu float64, ratios ...float64) Row {
	r := Row{
		ID: name + "/" + network, Name: name, Network: network, Ours: ours, Ratio: median(ratios), Rounds: ratios, CPU: cpu, Allocs: -1,
		Least: ratios[0], Most: ratios[0], Figure: 100 * median(ratios),
	}
	for _, v := range ratios {
		r.Least, r.Most, r.CPUs = min(r.Least, v), max(r.Most, v), append(r.CPUs, cpu)
	}
	return r
}

// sample is a report in which ours is ahead of some, and behind others.
func sample() *Report {
	r := &Report{
		When: time.Unix(0, 0).UTC(), Commit: "abc", Options: Options{Rounds: 3, Slice: time.Millisecond},
		Cases: []CaseReport{
			{
				Case: peer.Case{Kind: peer.Trip, Size: 64, Conns: 1, Inflight: 1}, Limit: LimitFigures{"cache line", 100},
				Rows: []Row{
					row("ours", "shm", true, 500, 2, 2.1, 1.9), row("ours", "tcp", true, 9000, 60, 61, 59),
					row("slow", "unix", false, 20000, 100, 101, 99), row("ours", "unix", true, 600, 3, 3, 3), row("even", "shm", false, 501, 2.005, 2, 2),
					row("quick", "tcp", false, 8000, 40, 62, 30),
				},
			},
			{
				Case: peer.Case{Kind: peer.Stream, Size: 64, Conns: 1, Inflight: 1}, Limit: LimitFigures{"ring", 1e7},
				Rows: []Row{row("ours", "unix", true, 50, 0.5, 0.4, 0.6), row("batches", "unix", false, 40, 0.8, 0.7, 0.9)},
			},
		},
	}
	r.NotAhead = NotAhead(r)
	return r
}

func TestWhereARivalIsAheadIsSaid(t *testing.T) {
	got := map[string]float64{}
	if all := sample().NotAhead; len(all) != 4 {
		t.Errorf("%d are said, with doubles: %+v", len(all), all)
	}
	for _, b := range sample().NotAhead {
		got[strings.Join([]string{string(b.Case.Kind), b.Figure, b.Ours, b.Rival}, " ")] = b.Factor
	}
	want := map[string]float64{
		"trip round trip ours/tcp quick/tcp": 1.5, "trip CPU time ours/tcp quick/tcp": 1.125,
		"stream rate ours/unix batches/unix": 1.6, "stream CPU time ours/unix batches/unix": 1.25,
	}
	for k, v := range want {
		if g := got[k]; g < v-0.001 || g > v+0.001 {
			t.Errorf("%s: factor %v instead of %v", k, g, v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("said: %v", got)
	}
}

func TestTheWorstComesFirstInTableAndPage(t *testing.T) {
	r := sample()
	if len(r.NotAhead) == 0 || r.NotAhead[0].Factor != 0.8/0.5 {
		t.Errorf("first: %+v", r.NotAhead)
	}
	for i := range r.NotAhead[1:] {
		if r.NotAhead[i].Factor < r.NotAhead[i+1].Factor {
			t.Errorf("%+v comes before %+v", r.NotAhead[i], r.NotAhead[i+1])
		}
	}
	if b := r.NotAhead[0]; b.Rounds != 3 || b.Of != 3 {
		t.Errorf("ahead in %d of %d rounds", b.Rounds, b.Of)
	}
	var table, page bytes.Buffer
	if err := Print(&table, r); err != nil {
		t.Fatal(err)
	}
	markdown(&page, r)
	for name, text := range map[string]string{"table": table.String(), "page": page.String()} {
		first, figures := strings.Index(text, "is behind batches/unix (1.60; 3 of 3)"), strings.Index(text, "slow")
		if first < 0 || figures < first {
			t.Errorf("the %s does not begin with where we are behind:\n%s", name, text)
		}
	}
}

func TestARunWithoutRivalsIsAheadNowhereBehind(t *testing.T) {
	r := &Report{Cases: []CaseReport{{Rows: []Row{row("ours", "shm", true, 1, 1)}}}}
	if all := NotAhead(r); len(all) != 0 || !strings.Contains(r.nowhere(), "Nothing was compared") {
		t.Errorf("%+v, %s", all, r.nowhere())
	}
	r.Cases[0].Rows = append(r.Cases[0].Rows, row("other", "shm", false, 9, 9))
	if all := NotAhead(r); len(all) == 0 && r.nowhere() != "Nowhere in this run." {
		t.Errorf("%s", r.nowhere())
	}
}

func TestOnlyWhatDecidesAboutSpeedIsToldOfTheKernelsCommandLine(t *testing.T) {
	if got := aboutSpeed("console=ttyS0 isolcpus=1 root=/dev/secret nohz_full=1 -- --token x"); got != "isolcpus=1 nohz_full=1" {
		t.Errorf("told: %q", got)
	}
}

func TestThereIsMemoryForAllWhoRunAtOnce(t *testing.T) {
	small, large := atOnce(peer.Case{Size: 64, Conns: 1, Inflight: 1}), atOnce(peer.Case{Size: 1 << 20, Conns: 100, Inflight: 1})
	if large < 1 || small < large {
		t.Errorf("%d with small messages, %d with many large ones", small, large)
	}
	if n := atOnce(peer.Case{Size: 1 << 20, Conns: 1 << 20, Inflight: 1}); n != 1 {
		t.Errorf("%d where there is room for none", n)
	}
}

func TestFiguresArePrintedForReaders(t *testing.T) {
	for got, want := range map[string]string{
		duration(140): "0.14 µs", duration(12_340): "12.3 µs", duration(4_000_000): "4.00 ms", rate(12_345_678): "12.35 M/s",
		rate(1500): "1.5 k/s", rate(12): "12 /s", ratio(0.0012): "0.0012", ratio(1.234): "1.23", ratio(345.6): "346", count(-1): "-",
		count(0.01): "0", count(8.25): "8.2", p99(0): "-",
	} {
		if got != want {
			t.Errorf("%q instead of %q", got, want)
		}
	}
}
