// Package plain has two messages of package golden with what msgp itself makes of them, to compare.
package plain

import "time"

//go:generate msgp -io=false -tests=false

// Ten is golden.Ten.
type Ten struct {
	ID      uint64
	Price   int64
	Amount  float64
	Side    uint8
	Venue   uint16
	Flags   uint32
	Account uint64
	Open    bool
	Sent    time.Time
	Expires time.Duration
}

// TenMixed is golden.TenMixed.
type TenMixed struct {
	ID      uint64
	Symbol  string
	Price   int64
	Amount  float64
	Note    string
	Tags    []string
	Payload []byte
	Levels  []Level
	Sent    time.Time
	Open    bool
}

// Level is golden.Level.
type Level struct {
	Price  int64
	Amount float64
}
