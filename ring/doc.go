// Package ring is a single-producer single-consumer queue of variable-length records in memory that two processes
// share without trusting each other.
//
// # Roles
//
// Each process owns one Segment that it alone can write; the peer maps it read-only (memfd, sealed with
// F_SEAL_FUTURE_WRITE before the peer gets it). So a queue from A to B needs both segments:
//
//	A's segment                          B's segment
//	  tail      A: published up to here    head      B: released up to here
//	  tailSleep A: asleep, wants space     headSleep B: asleep, wants records
//	  records   A writes, B reads          (records: for the queue from B to A)
//
// A Producer writes tail, tailSleep and records in its own segment and reads head and headSleep in the peer's. A
// Consumer writes head and headSleep in its own and reads tail, tailSleep and records in the peer's. A hostile peer can
// therefore only lie in its own segment; what it writes there is read once, checked against private bounds, and a lie
// is a *CorruptError.
//
// # Records
//
// Positions are byte counts that only grow; position p stands at offset p mod capacity. A record begins at a multiple
// of 8 with its length, 4 bytes little-endian, which counts itself; the next one begins at the next multiple of 8.
// The record area is mapped twice, back to back, so that a record is always one contiguous slice. Over plain bytes
// (NewHeap) the second half is memory of its own: both sides reach a record by the offset at which it begins, so they
// see the same bytes.
//
// # The doorbell
//
// A sleep word is a counter with one writer; odd means asleep. Who is about to sleep makes it odd (arms), looks at the
// ring once more, and only then sleeps. Who publishes or releases reads the peer's word afterwards, and if it is odd
// and not the value it last rang for, rings once. Between a store of a position and the load of the sleep word, and
// between arming and looking, stands a full fence: without either, a wake-up can be lost. The model in
// ring/model checks both, also with the fences and the order broken on purpose.
//
// # Use
//
// Neither end may be used by two goroutines at once; different ends may. Nothing here allocates, locks or makes a
// system call, but for making and mapping segments.
package ring
