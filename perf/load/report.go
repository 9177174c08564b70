package load

import (
	"context"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/environment"
	"github.com/corechan/corechan/perf/result"
	"github.com/corechan/corechan/perf/rig"
)

// Report is the result of Run. Its JSON names are a contract; fields may be added.
type Report struct {
	Transport rig.Transport `json:"transport"`
	Size      int           `json:"size"`
	Wait      perf.Wait     `json:"wait"` // of the receiver
	Cores     []int         `json:"cores"`
	Senders   int           `json:"senders"`
	Sessions  int           `json:"sessions"`
	Poisson   bool          `json:"poisson"`
	Seed      uint64        `json:"seed"`

	RateAsked float64 `json:"rate_asked"` // messages per second
	Rate      float64 `json:"rate"`       // that were sent in the measured rounds
	Sent      int64   `json:"sent"`       // messages
	Unsent    int64   `json:"unsent"`     // were due and could not be sent before the end of their round
	Lost      int64   `json:"lost"`       // were not answered
	LateMaxNs float64 `json:"late_max_ns"`

	Response Times `json:"response"` // from when it should have been sent
	Service  Times `json:"service"`  // from when it was

	Rounds      []Round `json:"rounds"`
	RoundCount  int     `json:"round_count"` // measured; of very many, not each is in Rounds
	Seconds     float64 `json:"seconds"`     // of all measured rounds
	StallNs     int64   `json:"stall_ns"`    // that the receiver was told to stand still in each
	TimerNs     float64 `json:"timer_ns"`    // what a clock read costs; nothing is subtracted
	Interrupted bool    `json:"interrupted"` // less was measured than was asked for

	Disturbances []environment.Disturbance `json:"disturbances"` // of the hot threads in the measured rounds
	Marks        []environment.Mark        `json:"marks"`        // why not to trust it; none: nothing is known against it
}

// Times is a distribution. A percentile for which there are too few times is absent (result.Enough).
type Times struct {
	Count   int64    `json:"count"`
	MeanNs  float64  `json:"mean_ns"`
	P50Ns   float64  `json:"p50_ns"`
	P90Ns   float64  `json:"p90_ns"`
	P99Ns   *float64 `json:"p99_ns,omitempty"`
	P999Ns  *float64 `json:"p999_ns,omitempty"`
	P9999Ns *float64 `json:"p9999_ns,omitempty"`
	MaxNs   float64  `json:"max_ns"`
}

// Round is what one measured round came to.
type Round struct {
	AtS      float64 `json:"at_s"` // its begin, in seconds of measured time
	Rate     float64 `json:"rate"`
	Response Times   `json:"response"`
	Service  Times   `json:"service"`

	SenderRSS   int64 `json:"sender_rss_bytes"` // memory of the processes when it had ended
	ReceiverRSS int64 `json:"receiver_rss_bytes"`
}

func timesOf(h *hdrhistogram.Histogram, longest int64) Times {
	t := Times{Count: h.TotalCount(), MaxNs: float64(longest)}
	if t.Count == 0 {
		return t
	}
	at := func(percent float64) float64 { return float64(min(h.ValueAtPercentile(percent), longest)) }
	t.MeanNs, t.P50Ns, t.P90Ns = math.Round(h.Mean()), at(50), at(90)
	for _, p := range []struct {
		percent float64
		to      **float64
	}{{99, &t.P99Ns}, {99.9, &t.P999Ns}, {99.99, &t.P9999Ns}} {
		if result.Enough(p.percent, t.Count) {
			*p.to = new(at(p.percent))
		}
	}
	return t
}

func round3(v float64) float64 { return math.Round(v*1000) / 1000 }

// maxMarks bounds the marks of a report: with very many senders, the first of them are enough.
const maxMarks = 100

// MaxMissed is the part of the messages that may be late for the end of their round.
const MaxMissed = 0.01

func (r *run) report(ctx context.Context) (Report, error) {
	c, b := &r.config, &r.books
	rep := Report{
		Transport: c.Transport, Size: c.Size, Wait: c.Wait, Cores: c.Cores, Senders: c.Senders, Sessions: c.Sessions,
		Poisson: c.Poisson, Seed: c.Seed, RateAsked: c.Rate, Rate: round3(float64(b.tally.Sent) / b.measured.Seconds()),
		Sent: b.tally.Sent, Unsent: b.tally.Unsent, Lost: b.tally.Lost, LateMaxNs: float64(b.tally.Late),
		Response: timesOf(b.response.all, b.response.longest), Service: timesOf(b.service.all, b.service.longest),
		Rounds: b.each, RoundCount: b.rounds, Seconds: b.measured.Seconds(), StallNs: int64(c.Stall),
		TimerNs: math.Round(r.clock.Overhead()*10) / 10, Interrupted: !b.complete && b.tally.Lost == 0, Disturbances: b.disturbs,
	}
	for i, t := range r.threads {
		rep.Disturbances[i].StepBefore, rep.Disturbances[i].StepAfter = t.before, t.after
	}
	stepped(&rep.Disturbances[len(r.threads)], r.first, r.last)
	rep.Marks = append(r.marks(), environment.Marks(rep.Disturbances)...)
	rep.Marks = append([]environment.Mark{}, rep.Marks[:min(len(rep.Marks), maxMarks)]...)
	return rep, r.record(ctx, &rep)
}
