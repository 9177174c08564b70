package golden

import (
	"encoding/json"
	"sync/atomic"
	"time"
)

// Basic has what Go has without imports, and times.
//
//corechan:message
type Basic struct {
	Bool     bool
	Int      int `msg:"i"`
	Int8     int8
	Int16    int16
	Int32    int32
	Int64    int64
	Uint     uint
	Uint8    uint8
	Uint16   uint16
	Uint32   uint32
	Uint64   uint64
	Float32  float32
	Float64  float64
	String   string `msgpack:"renamed too"`
	Bytes    []byte
	Uint8s   []uint8
	Array    [4]byte
	Array8   [2]uint8
	Ints     [3]int
	Time     time.Time
	Duration time.Duration
	Rune     rune
	Number   json.Number
	Any      any
	Counter  atomic.Int64
	hidden   int
	Left     chan int `msg:"-"`
}

// Ten has ten fields, and nothing that has to be allocated.
//
//corechan:message
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

// TenMixed has ten fields, strings and slices among them.
//
//corechan:message
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

// Level is part of others and gets methods without a mark.
type Level struct {
	Price  int64
	Amount float64
}

// Names is a message that is no struct.
//
//corechan:message
type Names []string

// Code is a message that is a number.
//
//corechan:message
type Code uint32

// Failure is an error that travels.
//
//corechan:error
type Failure struct {
	Code Code
	Text string
}

func (f *Failure) Error() string { return f.Text }
