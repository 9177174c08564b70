package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
)

// books is what a run has measured, in memory that does not depend on how much that is.
type books struct {
	config   *Config
	response account
	service  account
	tally    tally
	rounds   int
	measured time.Duration // in all rounds
	each     []Round
	per      int                       // rounds of which one is in each
	disturbs []environment.Disturbance // of each hot thread
	complete bool
}

// maxEach bounds how many rounds have figures of their own in a report: of more, it has every second, or fourth, and so on.
const maxEach = 512

// account is all times of one kind.
type account struct {
	all, round, part             *hdrhistogram.Histogram // of the run, of a round, of one of its intervals
	longest, longRound, longPart int64                   // exactly
	history                      *result.Recorder
}

func newBooks(c *Config) books {
	one := func() account {
		return account{all: newHistogram(), round: newHistogram(), part: newHistogram(), history: result.NewRecorder()}
	}
	return books{config: c, response: one(), service: one(), per: 1}
}

// add adds what one sender has of an interval.
func (a *account) add(h *hdrhistogram.Histogram, longest int64) {
	if h.TotalCount() == 0 {
		return
	}
	a.part.Merge(h)
	a.longPart = max(a.longPart, longest)
}

// closePart closes an interval.
func (a *account) closePart(at, length time.Duration) {
	if a.part.TotalCount() == 0 {
		return
	}
	a.history.AddHistogram(at, length, a.part, a.longPart)
	a.round.Merge(a.part)
	a.longRound = max(a.longRound, a.longPart)
	a.part.Reset()
	a.longPart = 0
}

// closeRound closes a round.
func (a *account) closeRound() (t Times) {
	t = timesOf(a.round, a.longRound)
	a.all.Merge(a.round)
	a.longest = max(a.longest, a.longRound)
	a.round.Reset()
	a.longRound = 0
	return t
}

// close closes a round: it adds what the senders have measured, and what came in their way.
func (b *books) close(t tally, threads []*thread, watches []*environment.Watch, length time.Duration, memory [2]int64) (r Round, err error) {
	for i, w := range watches {
		d, err := w.End()
		if err != nil {
			return r, err
		}
		if i == len(b.disturbs) {
			b.disturbs = append(b.disturbs, environment.Disturbance{})
		}
		b.disturbs[i].Add(&d)
	}
	intervals := b.config.intervals()
	begin, step := time.Duration(b.rounds)*b.config.Round, b.config.Round/time.Duration(intervals)
	for i := range intervals {
		for _, one := range threads {
			w := &one.samples.within[i]
			b.response.add(w.response, w.longResponse)
			b.service.add(w.service, w.longServe)
		}
		at := begin + time.Duration(i)*step
		b.response.closePart(at, step)
		b.service.closePart(at, step)
	}
	for _, one := range threads {
		one.samples.reset()
	}
	r = Round{
		AtS: begin.Seconds(), Response: b.response.closeRound(), Service: b.service.closeRound(),
		Rate: round3(float64(t.Sent) / length.Seconds()), SenderRSS: memory[0], ReceiverRSS: memory[1],
	}
	b.keep(r)
	b.tally.add(t)
	b.rounds++
	b.measured += length
	return r, nil
}

// keep keeps the figures of a round.
func (b *books) keep(r Round) {
	if b.rounds%b.per != 0 {
		return
	}
	if len(b.each) == maxEach {
		for i := range maxEach / 2 {
			b.each[i] = b.each[2*i]
		}
		b.each = b.each[:maxEach/2]
		b.per *= 2
		if b.rounds%b.per != 0 {
			return
		}
	}
	b.each = append(b.each, r)
}
