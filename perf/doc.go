// Package perf measures how fast two threads exchange messages, and prints it beside what the machine itself allows.
//
// A run has two hot threads, each locked and pinned to a core of its own: for inmem in one process, else in two, of which the
// first starts the second. On these two threads slices of the bare limit (package perf/limit)
// and slices of the system under test alternate:
//
//	limit 0 | system 0 | limit 1 | system 1 | ... | system n-1 | limit n
//
// A slice takes some 25 ms, so both see the same noise of the machine. Each system slice is divided by the mean of its two
// neighbours, which cancels a steady drift; the reported ratio is the median of these quotients, which one slice
// that lost its core cannot move.
//
// Where a transport has several limits (forms), all of them have their slices in each turn, and a ratio each. The first is what the
// machine allows, by bare system calls; the other is what Go programs use, net.Conn.
//
// # Probes
//
// With Config.Probes each turn has one more slice of the same session, with the default groups of package probe attached, right before
// or right after the other, turn by turn. They are attached and detached around it, not told to do nothing: a program that
// returns at once has been called all the same, which is most of what it costs.
//
//	limit 0 | system 0 | probed 0 | limit 1 | probed 1 | system 1 | limit 2 | ...
//
// What they cost is the median of probed i / system i. Before a slice without, they are attached and detached too, as to patch them in
// and out disturbs what comes right after, whether they are attached then or not.
//
// # Stamps
//
// With Config.Stamps there is one more rival: the same system on a session of its own, whose messages say when they were sent and are
// counted when they are received, on both sides.
//
// # Go's own poller
//
// What waits there, as net.Conn, crypto/tls and net/http do, must change goroutines for each message, and to change to one that
// is locked to a thread takes as long again as all else. So it runs on a goroutine that is not locked, and for the time of its
// slice all threads of its process are confined to the core (needs.roams). The bare connections of both sides are made by the
// first process, which gives the second its ends; no name or port is at issue.
//
// # Idle sessions
//
// Idle has processes of its own: a server and a client for the transport, then the same two for net.Conn, so that no memory of
// one is counted for the other. They are not pinned, their garbage collector runs, and nothing is touched beforehand.
//
// # What is inside the measured loop, and what is not
//
// One clock read per round trip, and the store of the result in a slice allocated and touched before: histograms are
// fed after the slice. The clock is read right after a message is published, while it is on its way, so a round trip is
// the time from one publish to the next. A stream reads the clock once at each end of a slice. Nothing is subtracted;
// what a clock read costs is reported as timer_ns.
//
// While slices run, the garbage collector is off in both processes (with a memory limit of 1 GiB, should the system
// under test allocate), and each process may use at least one thread more than it has hot ones.
//
// Of corechan the loop has the calls that a program makes, Send and Receive or Reserve, Commit, Lease and Release, on ends
// of a concrete type, with a context that cannot be cancelled. Each slice ends with a look at the number of the last
// message, so that one lost, doubled or overtaken fails the run.
//
// # Rare messages
//
// A pause lies between an answer and the next message, on the near side, which keeps busy meanwhile; it is cut out of the
// sample. The far side waits that long, so how it waits decides. A comparison (Config.Compare) gives Spin and Block
// sessions of their own in the same run and slices beside the system's, and each ratio is the median of quotients again.
// Spin always answers first, as long as each side has a core; how many cores each way kept busy is reported with it.
//
// # Allocations
//
// Allocations are counted by runtime.MemStats.Mallocs on the hot threads just before and after each slice, in both
// processes, and the sum is divided by the number of round trips, those included that are not timed, or of messages of a
// stream. The count is of the whole process, so the runtime's own few are in it; the figure is therefore rounded to a
// thousandth.
package perf
