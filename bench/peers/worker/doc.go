// Package worker is what runs in each of the two processes of a pair, and how it is told what to do.
//
// A worker has its work from its arguments,
//
//	worker NAME far  KIND SIZE CONNS INFLIGHT ADDRESS
//	worker NAME near KIND SIZE CONNS INFLIGHT ADDRESS
//
// and its orders from its standard input, a line each; it answers each with a line on its standard output:
//
//	                    <-   ready ADDRESS     the far one serves there, the near one is connected
//	run WARM COUNT PID  ->                     to the near one: the far one's process
//	                    <-   {"count": ...}    a Result
//	stats               ->                     to the far one
//	                    <-   {"allocs": ...}
//	end                 ->                     it exits; so it does at the end of its input
//
// Programs in other languages do the same (folder c). A worker that cannot do what it was told says why on its standard error
// and exits.
package worker

// Result is what the near worker says of a slice.
type Result struct {
	Count   int     `json:"count"`      // round trips, or messages one way
	Elapsed int64   `json:"elapsed_ns"` // for all
	P50     float64 `json:"p50_ns"`     // of round trips
	P99     float64 `json:"p99_ns"`
	Max     float64 `json:"max_ns"`
	CPU     int64   `json:"cpu_ns"` // processor time of both processes meanwhile
	Allocs  int64   `json:"allocs"` // of the near process; -1: not known

	// Begin and End are a limit's, of which each side knows one: nanoseconds of CLOCK_MONOTONIC.
	Begin int64 `json:"begin,omitempty"`
	End   int64 `json:"end,omitempty"`
}

// Stats is what the far worker says of itself.
type Stats struct {
	Allocs int64 `json:"allocs"` // since it began; -1: not known
}
