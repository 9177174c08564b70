// Package load measures how long answers take when messages come at a rate, whether the one before was answered or not: an open loop.
//
// A closed loop (package perf) sends when the last answer is there. If the other side stops for 20 ms, it measures one long round
// trip, and none of the thousands that would have been sent meanwhile: what is called coordinated omission. Here each
// message has a time at which it should be sent, by a schedule that nothing delays, and is stamped with it. Two times are kept apart:
//
//	response   from when it should have been sent until its answer is there: what a user would have waited
//	service    from when it was sent
//
// # Who does what
//
//	first process                                   second process
//	sender thread 0 ── sessions ──────────────────> receiver: answers each message, with the message
//	sender thread 1 ── sessions ──────────────────>
//
// A sender thread has a core of its own and never sleeps: it sends what is due, looks for answers (engine.Receiver.TryReceive) and reads
// the clock, again and again. So a message is late only if the system, or the machine, makes it late. It leaves the
// number of messages under way bounded by half of what the rings hold: what is due beyond that waits for answers, and that
// is part of its response time. How the receiver waits is what is measured (Config.Wait): one session has a pinned thread in Receive;
// more are served by a loop, as a server has it (engine.Handle).
//
// # Rounds
//
// A run is a round to warm up, then Config.Rounds measured ones. In a round nothing runs but senders and receiver: each sender
// records into histograms (HdrHistogram, three digits) that were made and touched before, a pair for each of up to 20 intervals.
// Between rounds these are merged. So memory does not depend on how many messages there are, and a collector is in nobody's way.
//
// A message belongs to the time at which it should have been sent. What was not sent by the end of its round was asked for in vain:
// it has no response time, so the figures are then too good, and the run is marked with the rate that was missed.
//
// # What the figures contain
//
// The clock is read once each time that the sender looks around, and nothing is subtracted: what a read costs is reported as timer_ns. To
// keep a sample takes some 20 ns beside that (BenchmarkSample), after its time was taken.
package load
