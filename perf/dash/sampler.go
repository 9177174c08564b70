package dash

import (
	"encoding/json"
	"time"

	"github.com/corechan/corechan/perf/probe"
)

// fromProbe takes samples of a Probe: of what came since the one before.
func fromProbe(c *Config, before *probe.Snapshot) taker {
	ask := poll(c.Pollers)
	return func() (func(grain) *Sample, error) {
		polled := ask()
		after, err := c.Probe.Snapshot()
		if err != nil {
			return nil, err
		}
		d := after.Sub(before)
		before = after
		lost := make(map[probe.Group]uint64)
		for _, s := range c.Probe.Status() {
			if s.Lost > 0 {
				lost[s.Group] = s.Lost
			}
		}
		return func(g grain) *Sample {
			s := reduce(d, polled, g)
			s.Lost = lost
			return s
		}, nil
	}
}

// sample takes one sample after the other until the Dash is closed.
func (d *Dash) sample() {
	ticker := time.NewTicker(d.config.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-ticker.C:
		}
		d.sampleOnce()
	}
}

func (d *Dash) sampleOnce() {
	take, err := d.take()
	look, trouble := d.looker.take()
	if err == nil {
		var b []byte
		b, err = encode(func(g grain) *Sample {
			s := d.number(take(g))
			if s.Look = look.grained(g); trouble != nil {
				s.Trouble = append(s.Trouble, trouble.Error())
			}
			return s
		}, MaxKeptBytes/d.history.most)
		if err == nil {
			d.history.add(b)
			return
		}
	}
	d.config.Logger.Warn("no sample", "reason", err)
	s := d.number(&Sample{Kind: "sample", Time: time.Now().UnixMilli(), Span: d.config.Interval, Cores: []Core{}, Trouble: []string{err.Error()}})
	if b, err := json.Marshal(s); err == nil {
		d.history.add(b)
	}
}

// number says which sample it is, and who looks.
func (d *Dash) number(s *Sample) *Sample {
	s.Seq, s.At = d.history.next(), time.Since(d.began)
	s.Viewers, s.Dropped, s.Drops = d.viewers.now()
	return s
}
