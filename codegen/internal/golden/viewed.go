package golden

import (
	"io"
	"math/big"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/codegen/internal/golden/other"
	"github.com/corechan/corechan/engine"
)

// Viewed has fields of all kinds.
//
//corechan:message
//corechan:view
type Viewed struct {
	ID      uint64
	Name    string
	Color   Color
	Words   Words
	Map     map[string]Level
	Bytes   []byte
	Array   [4]byte
	Time    time.Time
	Wait    time.Duration
	Addr    netip.Addr
	Big     *big.Int
	Int     *int
	Level   *Level
	Any     any
	Self    *Viewed
	Selves  []Viewed
	Others  []*Viewed
	ByName  map[string]Level
	Plain   Level
	End     engine.Sender[Fill]
	Reader  io.Reader
	Counter atomic.Int64
	Page    Page[Fill, *Fill]
	Inline  struct {
		A int `msg:"a"`
		B []string
	}
	Renamed int `msg:"ünïcode name,omitempty"`
	Tuple   ViewedTuple
	Money   other.Money
}

// ViewedTuple is an array.
//
//corechan:message tuple
//corechan:view
type ViewedTuple struct {
	A int
	B []string
	C string
}

// A Snapshot is a message of some 4 KiB of which somebody wants two fields.
//
//corechan:message
//corechan:view
type Snapshot struct {
	Seq     uint64
	Symbol  string
	Bids    []Level
	Asks    []Level
	Notes   []string
	Payload []byte
	Last    int64
}
