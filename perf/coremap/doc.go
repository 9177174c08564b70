// Package coremap measures how far apart cores are: the bare ping-pong of a cache line (package perf/limit) between each two of
// them. Two threads that talk are best put on cores that are near each other: hyperthreads of one core share its first-level cache,
// cores of one cluster or die a further one, and between sockets a line goes over a bus.
//
// Each core has one thread, pinned to it, for the whole measurement. The pairs take turns, one slice each, several times over, so that a
// disturbance hits one slice and not one pair; of a pair's slices the median counts.
package coremap
