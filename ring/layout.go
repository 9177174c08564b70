package ring

import (
	"fmt"
	"os"
)

// The layout of a segment, in bytes. Each word that changes in steady state has 128 bytes to itself: two cache
// lines, because processors fetch lines in adjacent pairs.
//
//	     0 ┌────────────────────────────────────────────┐
//	       │ magic u64                                  │
//	     8 │ version u32                                │
//	    12 │ header size u32                            │  constant once sealed
//	    16 │ capacity u64                               │
//	    24 │ features u64                               │
//	   128 ├────────────────────────────────────────────┤
//	       │ tail u64        producer: published        │
//	   256 ├────────────────────────────────────────────┤
//	       │ head u64        consumer: released         │
//	   384 ├────────────────────────────────────────────┤
//	       │ tailSleep u64   producer: wants space      │
//	   512 ├────────────────────────────────────────────┤
//	       │ headSleep u64   consumer: wants records    │
//	   640 ├────────────────────────────────────────────┤
//	       │ unused, zero                               │
//	header ├────────────────────────────────────────────┤
//	       │ records         capacity bytes, mapped     │
//	       │                 a second time behind       │
//	       └────────────────────────────────────────────┘
const (
	offMagic      = 0
	offVersion    = 8
	offHeaderSize = 12
	offCapacity   = 16
	offFeatures   = 24
	offTail       = 128
	offHead       = 256
	offTailSleep  = 384
	offHeadSleep  = 512
	usedHeader    = 640
)

const (
	// Magic is the first word of a segment: "corechan", little-endian.
	Magic = 0x6e616863_65726f63
	// Version is the layout's version. A peer of another one is refused with ErrVersion.
	Version = 1
	// MinCapacity, MaxCapacity and DefaultCapacity bound a ring's record area, in bytes.
	MinCapacity     = 4 << 10
	MaxCapacity     = 1 << 30
	DefaultCapacity = 256 << 10

	// Align is the alignment of records, in bytes.
	Align = 8
	// lengthSize is the size of the length that begins each record.
	lengthSize = 4

	hugePageSize = 2 << 20
	cacheLine    = 64
)

// pageHeader is the size of a header on ordinary pages: one page, so that the records can be mapped apart.
func pageHeader() int { return max(4096, os.Getpagesize()) }

// align rounds n up to the next multiple of Align.
func align(n uint64) uint64 { return (n + Align - 1) &^ (Align - 1) }

// Stride returns how many bytes of a ring a record of n bytes takes.
func Stride(n int) int { return int(align(uint64(n))) }

// Options say how a segment is made. The zero value, and nil, is a good choice.
type Options struct {
	// Capacity of the record area in bytes: a power of two between MinCapacity and MaxCapacity. 0 means
	// DefaultCapacity. Less than a page is rounded up to one.
	Capacity int
	// HeaderOnly makes a segment without records, for the side of a one-way ring that only consumes.
	HeaderOnly bool
	// Prefault touches every page when the segment is made or mapped, so that the first lap takes no page faults.
	Prefault bool
	// HugePages takes the memory from the kernel's pool of 2 MiB pages (vm.nr_hugepages); the capacity must then be at
	// least 2 MiB. An empty pool is an error that says so.
	HugePages bool
}

// capacity checks the options and returns the capacity they mean; 0 for a segment without records.
func (o *Options) capacity() (uint64, error) {
	if o == nil {
		return DefaultCapacity, nil
	}
	if o.HeaderOnly {
		if o.HugePages {
			return 0, fmt.Errorf("ring: HeaderOnly and HugePages exclude each other: %w", ErrCapacity)
		}
		return 0, nil
	}
	n := o.Capacity
	if n == 0 {
		n = DefaultCapacity
		if o.HugePages {
			n = hugePageSize
		}
	}
	if !validCapacity(uint64(n)) {
		return 0, fmt.Errorf("ring: capacity %d: %w", n, ErrCapacity)
	}
	n = max(n, os.Getpagesize())
	if o.HugePages && n < hugePageSize {
		return 0, fmt.Errorf("ring: capacity %d with huge pages of %d: %w", n, hugePageSize, ErrCapacity)
	}
	return uint64(n), nil
}

func validCapacity(n uint64) bool {
	return n >= MinCapacity && n <= MaxCapacity && n&(n-1) == 0
}
