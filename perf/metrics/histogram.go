package metrics

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf/probe"
)

// schema is that of native histograms: 16 buckets for each doubling, so that each is 4.4 % wide.
const schema = 4

// classicBounds are the classic buckets', in seconds.
var classicBounds = [...]float64{
	100e-9, 250e-9, 500e-9, 1e-6, 2.5e-6, 5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6,
	1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10,
}

// counts is a histogram on its way to Prometheus.
type counts struct {
	sum     float64 // seconds
	n, zero uint64
	native  map[int]int64
	classic [len(classicBounds)]uint64
}

// mostCounted keeps what another process makes up from running over.
const mostCounted = 1 << 53

// add counts n durations of some seconds.
func (c *counts) add(seconds float64, n uint64) {
	if n = min(n, mostCounted-min(c.n, mostCounted)); n == 0 {
		return
	}
	c.n += n
	for i, bound := range classicBounds {
		if seconds <= bound {
			c.classic[i] += n
			break
		}
	}
	if seconds <= 0 {
		c.zero += n
		return
	}
	if c.native == nil {
		c.native = map[int]int64{}
	}
	c.native[int(math.Ceil(math.Log2(seconds)*(1<<schema)))] += int64(n)
}

// middle is where the durations of a bucket with that end are taken to be: at most a hundredth off, as buckets are 1/32 wide.
const middle = 0.99

func ofProbe(h *probe.Histogram) (c counts) {
	c.sum = h.Sum().Seconds()
	h.Buckets(func(high time.Duration, n uint64) bool {
		c.add(high.Seconds()*middle, n)
		return true
	})
	return c
}

func ofDurations(d engine.Durations) (c counts) {
	for _, b := range d {
		c.add(b.High.Seconds(), b.Count)
		c.sum += b.High.Seconds() * float64(b.Count)
	}
	return c
}

// addLatencies adds those that an engine has counted; took is their exact sum.
func (c *counts) addLatencies(d engine.Durations, took time.Duration) {
	for _, b := range d {
		c.add(b.High.Seconds()*middle, b.Count)
	}
	c.sum += took.Seconds()
}

// A bothForms is a histogram as a native one with classic buckets, as which client_golang has no constant one.
type bothForms struct {
	prometheus.Metric // the native one
	classic           []*dto.Bucket
}

func (c *counts) metric(desc *prometheus.Desc, labels ...string) prometheus.Metric {
	native, err := prometheus.NewConstNativeHistogram(desc, c.n, c.sum, c.native, nil, c.zero, schema, 0, time.Time{}, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	m := bothForms{Metric: native}
	upTo := uint64(0)
	for i := range classicBounds {
		upTo += c.classic[i]
		m.classic = append(m.classic, &dto.Bucket{UpperBound: &classicBounds[i], CumulativeCount: &[]uint64{upTo}[0]})
	}
	return m
}

// Write implements prometheus.Metric.
func (m bothForms) Write(to *dto.Metric) error {
	if err := m.Metric.Write(to); err != nil {
		return err
	}
	to.Histogram.Bucket = m.classic
	return nil
}
