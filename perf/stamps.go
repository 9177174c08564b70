package perf

import (
	"errors"
	"time"
)

// StampsReport says what it costs that messages say when they were sent (engine.Engine.StampMessages, of both processes), of a round trip,
// which is two messages: slices with stamps, on a session of its own, are held against the slices without that are their neighbours.
type StampsReport struct{ CostReport }

// stampedFor is longer than any measurement.
const stampedFor = 48 * time.Hour

var errNotStamped = errors.New("messages were not stamped, although they should have been")

// checkStamps fails if what was measured as stamped was not.
func (s *session) checkStamps() error {
	for _, c := range s.all {
		if !c.env.stamped {
			continue
		}
		if own, ok := c.system.(*channels); !ok || len(own.engine.Snapshot().Latencies) == 0 {
			return errNotStamped
		}
	}
	return nil
}

// reportStamps returns nil if the configuration asks for none.
func (r *result) reportStamps(c *Config) *StampsReport {
	if !c.Stamps {
		return nil
	}
	return &StampsReport{r.costOf(r.stamped())}
}

// stamped are the slices of the last rival.
func (r *result) stamped() []float64 { return r.rivals[len(r.rivals)-1].figures }
