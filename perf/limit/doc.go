// Package limit measures what the machine itself allows between two threads, with nothing in the way that a message
// system would add. It is what corechan's figures are divided by.
//
//   - Ping-pong: a payload on cache lines of its own, then a sequence word on a line of its own, stored with release
//     order; the other side polls the word, reads the payload, answers likewise.
//   - Stream: a single-producer single-consumer ring of fixed-size records, one publish per record, each side with a
//     cached copy of the other's position.
//   - Eventfd: the ping-pong with blocking reads of an eventfd in place of the polled word.
//   - Channels: the ping-pong and the stream of one process with Go channels in place of the polled words.
//   - Rights: a ping-pong of descriptors, by sendmsg(2) and recvmsg(2).
//   - Wires: ping-pong and stream over a connected socket, unix or tcp, one write a message. A socket is used by bare system
//     calls, which block or poll, by package net, by crypto/tls, by net/http's HTTP/2, or by a WebSocket library: what a
//     transport over that network is built on, with nothing of ours on top.
//
// The first three run over plain bytes, so the same code serves two processes (a shared mapping) and two threads of one
// (the heap). Pollers do not pause and do not yield: callers pin them to cores of their own. Wires that wait in Go's own
// poller want a goroutine that is not locked to a thread, in a process confined to a core: a locked one would take twice as
// long.
//
// # Where a line lies decides how far it is
//
// A cache line has a home in the machine's last-level cache, by a hash of its physical address, and the way between two
// cores goes through that home. On a large chip the same ping-pong takes from 0.8 to 1.4 times its median depending on
// the line alone. So the ping-pong moves over several spots of its memory within every slice, and the stream takes
// another pair of position lines in every slice.
package limit
