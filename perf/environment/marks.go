package environment

// Kind is what disturbs a run.
type Kind string

// The kinds of marks.
const (
	Steal      Kind = "steal"      // the host ran something else on a hot core
	Preempted  Kind = "preempted"  // a hot thread could have run, and another did
	Migrated   Kind = "migrated"   // a pinned thread changed cores
	Frequency  Kind = "frequency"  // a hot core's clock rate changed
	Faults     Kind = "faults"     // pages faulted in a hot thread
	Lost       Kind = "lost"       // messages did not arrive
	MissedRate Kind = "missedrate" // messages could not be sent as often as was asked for
	Profiled   Kind = "profiled"   // a profile was written, which takes time and allocates
)

// Mark is a named reason not to trust a run, with the figure that is one.
type Mark struct {
	Kind  Kind    `json:"kind"`
	Value float64 `json:"value"`
	Bound float64 `json:"bound"` // what Value would have to stay within
	Unit  string  `json:"unit"`  // of both
	Text  string  `json:"text"`  // the same in words
}
