package load

import (
	"testing"
	"time"

	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
)

func TestSamplesAreKeptByWhenTheyWereDue(t *testing.T) {
	const begin, length, intervals = 1000, 2_000_000, 20
	s := newSamples(intervals)
	s.start(begin, length)
	for i := range int64(intervals) {
		s.add(begin+i*length/intervals+10, 100+i, 50+i)
	}
	s.add(begin+length, int64(2*result.Longest), -3) // out of any range: kept at its end
	for i := range s.within {
		w := &s.within[i]
		want := int64(1)
		if i == intervals-1 {
			want = 2
		}
		if w.response.TotalCount() != want || w.service.TotalCount() != want || w.response.Min() != 100+int64(i) {
			t.Errorf("interval %d has %d times from %d", i, w.response.TotalCount(), w.response.Min())
		}
	}
	if s.within[intervals-1].longResponse != int64(2*result.Longest) {
		t.Errorf("the longest is %d", s.within[intervals-1].longResponse)
	}
}

func TestBooksAddUpAllSendersAndRounds(t *testing.T) {
	c := Config{Round: 50 * time.Millisecond, Senders: 2}
	b := newBooks(&c)
	const rounds, intervals = 3, 5
	threads := []*thread{{sender: &sender{samples: newSamples(intervals)}}, {sender: &sender{samples: newSamples(intervals)}}}
	for range rounds {
		for i, one := range threads {
			one.samples.start(0, int64(c.Round))
			for k := range int64(1000) {
				one.samples.add(k*int64(50*time.Microsecond), 1000*int64(i+1), 500)
			}
		}
		r, err := b.close(tally{Sent: 2000, Late: 7}, threads, []*environment.Watch{}, c.Round, [2]int64{7, 8})
		if err != nil || r.Response.Count != 2000 || r.Rate != 40_000 || r.Response.MaxNs != 2000 || r.Service.P50Ns != 500 {
			t.Errorf("%+v, %v", r, err)
		}
	}
	all := timesOf(b.response.all, b.response.longest)
	if b.tally.Sent != 2000*rounds || b.tally.Late != 7 || all.Count != 2000*rounds || all.P50Ns != 1000 || all.P90Ns != 2000 ||
		all.MeanNs != 1500 || len(b.each) != rounds {
		t.Errorf("%+v, %+v", b.tally, all)
	}
	if all.P99Ns == nil || all.P999Ns != nil {
		t.Errorf("6000 times are enough for p99 and not for p99.9: %+v", all)
	}
	timing, err := b.response.history.Timing("response")
	if err != nil || timing.Count != 2000*rounds || len(timing.Intervals) != rounds*intervals {
		t.Errorf("%d times in %d intervals, %v", timing.Count, len(timing.Intervals), err)
	}
}

func TestBooksOfManyRoundsStayBounded(t *testing.T) {
	c := Config{Round: time.Second}
	b := newBooks(&c)
	for range 10 * maxEach {
		b.keep(Round{AtS: float64(b.rounds)})
		b.rounds++
	}
	if len(b.each) > maxEach || len(b.each) < maxEach/2 {
		t.Fatalf("%d rounds of %d are kept", len(b.each), b.rounds)
	}
	for i, r := range b.each {
		if r.AtS != float64(i*b.per) {
			t.Fatalf("round %v stands at %d, one of %d is kept", r.AtS, i, b.per)
		}
	}
}

// Ten million messages take no more memory than a thousand.
func TestSamplesAllocateNothing(t *testing.T) {
	s := newSamples(mostIntervals)
	s.start(0, int64(time.Second))
	due := int64(0)
	if n := testing.AllocsPerRun(10_000, func() {
		due += 50_000
		s.add(due, due%977+300, due%773+200)
	}); n != 0 {
		t.Errorf("a sample allocates %v times", n)
	}
}

// What a message costs beside the clock: its place among those under way, and its two times. Below 30 ns on any machine of these
// years.
func BenchmarkSample(b *testing.B) {
	s := newSamples(mostIntervals)
	s.start(0, int64(time.Second))
	c := conn{sentAt: make([]int64, 2048)}
	times := make([]int64, 4096) // as those of a run: most alike, some far off
	for i := range times {
		times[i] = 600 + int64(i*i%211)
		if i%100 == 0 {
			times[i] *= 20
		}
	}
	b.ReportAllocs()
	due := int64(0)
	for i := 0; b.Loop(); i++ {
		due = (due + 100) % int64(time.Second)
		c.sentAt[c.sent&uint64(len(c.sentAt)-1)] = due
		c.sent++
		c.back++
		response := times[i&4095]
		s.add(due, response, due+response-c.sentAt[(c.back-1)&uint64(len(c.sentAt)-1)])
	}
}
