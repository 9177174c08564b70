package perf

import "slices"

// merged makes one report of the reports of several runs: the medians.
func merged[R any](runs []R, figures func(*R) []*float64, counts func(*R) (totals []*int, runs *int)) R {
	out := runs[0]
	for i, f := range figures(&out) {
		*f = medianOver(runs, func(r *R) float64 { return *figures(r)[i] })
	}
	totals, n := counts(&out)
	for i, c := range totals {
		*c = int(medianOver(runs, func(r *R) float64 { t, _ := counts(r); return float64(*t[i]) }))
	}
	*n = len(runs)
	return out
}

func medianOver[R any](runs []R, field func(*R) float64) float64 {
	values := make([]float64, len(runs))
	for i := range runs {
		values[i] = field(&runs[i])
	}
	return median(values)
}

func mergePingpong(runs []PingpongReport) PingpongReport {
	runs = slices.Clone(runs)
	runs[0].own()
	return merged(runs, (*PingpongReport).figures, (*PingpongReport).counts)
}

func mergeCall(runs []CallReport) CallReport {
	runs = slices.Clone(runs)
	runs[0].own()
	return merged(runs, func(r *CallReport) []*float64 {
		return append(r.figures(), &r.CallsPerS, &r.SingleCallsPerS, &r.RatioCalls)
	}, func(r *CallReport) ([]*int, *int) { return r.counts() })
}

// own gives the first of several reports, which becomes the result, slices of its own.
func (r *PingpongReport) own() {
	r.Rivals, r.AllocsEach, r.Limits = slices.Clone(r.Rivals), slices.Clone(r.AllocsEach), slices.Clone(r.Limits)
	if r.Probes != nil {
		own := *r.Probes
		r.Probes = &own
	}
	if r.Stamps != nil {
		own := *r.Stamps
		r.Stamps = &own
	}
}

func (r *PingpongReport) figures() []*float64 {
	all := []*float64{
		&r.MeanNs, &r.P50Ns, &r.P90Ns, &r.P99Ns, &r.P999Ns, &r.MaxNs, &r.AllocsPerOp, &r.LimitP50Ns,
		&r.RatioP50, &r.RatioLow, &r.RatioHigh, &r.Seconds, &r.BusyCores, &r.TimerNs,
	}
	for i := range r.AllocsEach {
		all = append(all, &r.AllocsEach[i])
	}
	for i := range r.Rivals {
		v := &r.Rivals[i]
		all = append(all, &v.P50Ns, &v.Ratio, &v.BusyCores)
	}
	if r.Probes != nil {
		all = append(all, r.Probes.figures()...)
	}
	if r.Stamps != nil {
		all = append(all, r.Stamps.figures()...)
	}
	return append(all, limitFigures(r.Limits)...)
}

func limitFigures(limits []Limit) (all []*float64) {
	for i := range limits {
		l := &limits[i]
		all = append(all, &l.P50Ns, &l.MsgsPerS, &l.Ratio, &l.RatioLow, &l.RatioHigh)
	}
	return all
}

func (r *PingpongReport) counts() ([]*int, *int) { return []*int{&r.Count, &r.Slices}, &r.Runs }

func mergeStream(runs []StreamReport) StreamReport {
	runs = slices.Clone(runs)
	runs[0].Limits = slices.Clone(runs[0].Limits)
	return merged(runs, func(r *StreamReport) []*float64 {
		return append([]*float64{
			&r.Seconds, &r.MsgsPerS, &r.BytesPerS, &r.AllocsPerOp, &r.LimitMsgsPerS, &r.LimitBytesPerS,
			&r.Ratio, &r.RatioLow, &r.RatioHigh, &r.BusyCores, &r.BareBytesPerS, &r.RatioBare,
		}, limitFigures(r.Limits)...)
	}, func(r *StreamReport) ([]*int, *int) {
		return []*int{&r.Count, &r.Slices}, &r.Runs
	})
}
