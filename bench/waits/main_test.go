package main

import (
	"strings"
	"testing"
	"time"

	"github.com/corechan/corechan/perf"
)

func TestALineHasAllThreeWaysHeldAgainstSpinning(t *testing.T) {
	r := &perf.PingpongReport{P50Ns: 2000, BusyCores: 1.5, Rivals: []perf.Rival{
		{Wait: perf.Spin, P50Ns: 500, Ratio: 4, BusyCores: 2}, {Wait: perf.Block, P50Ns: 12_345, Ratio: 0.2, BusyCores: 1},
	}}
	var b strings.Builder
	if err := row(&b, 200*time.Microsecond, r); err != nil {
		t.Fatal(err)
	}
	if want := "| 200µs | 0.50 µs | 2.00 | 2.00 µs | 4.00 | 1.50 | 12 µs | 20.0 | 1.00 |\n"; b.String() != want {
		t.Errorf("%s want %s", b.String(), want)
	}
	if err := row(&b, 0, &perf.PingpongReport{}); err == nil {
		t.Error("a line of nothing")
	}
}
