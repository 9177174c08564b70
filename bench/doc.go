// Package bench has a Go benchmark for each layer, from the bottom up, with names that stay, so that results of years can be compared by
// benchstat:
//
//	Ring       a record through a ring, both ends in turn
//	FD         a descriptor over a Unix socket
//	Loop       a function on a loop's thread
//	Encode     a message of 64 bytes, by its generated methods
//	Session    a session that is opened and closed
//	Channel    a message of 64 bytes on a channel, both ends in turn; a channel that is opened and closed
//	Call       a call to another goroutine
//	Transport  a round trip and a stream over each transport, between two goroutines of this process
//
// Run them by make bench, which writes bench/results/bench.txt. They are of one process, and say what a change to a layer
// costs or brings; what messages cost between processes is for corechan perf and for bench/peers. Packages have further benchmarks of their
// own, of their parts.
package bench
