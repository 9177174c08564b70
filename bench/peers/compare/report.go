package compare

import (
	"time"

	"github.com/corechan/corechan/bench/peers/peer"
)

// Report is the whole of a comparison, as it is written to compare.json.
type Report struct {
	When        time.Time     `json:"when"`
	Commit      string        `json:"commit"` // of corechan; with + if there were changes
	Machine     Machine       `json:"machine"`
	Options     Options       `json:"options"`
	Seconds     float64       `json:"seconds"` // that it took
	Entries     []Described   `json:"entries"`
	Cases       []CaseReport  `json:"cases"`
	NotAhead    []Behind      `json:"not_ahead"`
	NotMeasured []NotMeasured `json:"not_measured"`
	Services    *Services     `json:"services,omitempty"`
	Interrupted bool          `json:"interrupted,omitempty"`
	Disturbance Disturbance   `json:"disturbance"`
}

// Described says what is compared, and how it is used.
type Described struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Network  string `json:"network"`
	Ours     bool   `json:"ours"`
	Settings string `json:"settings"`
	Module   string `json:"module,omitempty"`
	Version  string `json:"version,omitempty"`
}

// CaseReport is what one case brought.
type CaseReport struct {
	peer.Case
	Limit LimitFigures `json:"limit"`
	Rows  []Row        `json:"rows"`
}

// LimitFigures are those of the machine itself.
type LimitFigures struct {
	Name   string  `json:"name"`
	Figure float64 `json:"figure"` // as in Row
}

// Row is what one entry did at one case. Medians are over the rounds.
type Row struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	Network string  `json:"network"`
	Ours    bool    `json:"ours"`
	Figure  float64 `json:"figure"`    // median: p50 of round trips in ns; else how many by the second
	P99     float64 `json:"p99_ns"`    // median; 0 of messages that go one way
	Ratio   float64 `json:"ratio"`     // median of Figure to the limit: for round trips low is good, else high
	Least   float64 `json:"ratio_min"` // of the rounds
	Most    float64 `json:"ratio_max"`
	CPU     float64 `json:"cpu_ns"`       // median: processor time of both processes for each message or round trip
	Allocs  float64 `json:"allocs"`       // for each, of both processes; -1: not known
	Memory  int64   `json:"memory_bytes"` // of both processes at the end: their own and shared memory, without programs
	// Rounds are the ratios, one a round.
	Rounds []float64 `json:"rounds"`
	CPUs   []float64 `json:"cpu_rounds"`
}

// NotMeasured is an entry that did not do a case, or any.
type NotMeasured struct {
	ID   string     `json:"id"`
	Case *peer.Case `json:"case,omitempty"` // nil: none
	Why  string     `json:"why"`
	// Failed says that it should have worked.
	Failed bool `json:"failed,omitempty"`
}

// lowIsGood says how figures of a kind compare.
func lowIsGood(k peer.Kind) bool { return k == peer.Trip || k == serviceKind }
