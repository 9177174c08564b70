// Package mark has two functions that do nothing. A sample of the messages with a stamp pass them, the first as they are sent, the second as they
// are received, so that a program in the kernel can be attached there (a uprobe) and see when: group marks of package perf/probe.
package mark

// Every is how many messages with a stamp there are for one that is marked, on average. While a probe is attached, one that is takes longer:
// with so few, the 99th percentile of the stamps is still that of the others.
const Every = 128

// Due says whether the message with this stamp is marked. Both ends find out for themselves, so that no frame says it. It depends on all bits of the
// stamp, as messages may be sent at even intervals, and clocks may count in larger steps than 1 ns. A sender that lies about its stamps can have the
// receiver mark each of its messages, which costs a call, and while a probe is attached what that costs.
func Due(stamp uint64) bool { return stamp*0x9e3779b97f4a7c15 < 1<<64/Every }

// The functions' names in a program, which package perf/probe looks for, in any version's. Its programs read the arguments from the registers
// where Go's ABIInternal puts them: who changes the arguments changes the names.
const (
	SentName     = "github.com/corechan/corechan/internal/mark.Sent"
	ReceivedName = "github.com/corechan/corechan/internal/mark.Received"
)

// Sent is passed by a message that is due, before it is published.
//
// That it calls something is so that its first instruction on amd64 saves the frame pointer: the kernel runs that one itself, where for most
// others, a lone return too, it has the processor step and trap once more, at ten times the price. That it never grows the stack is so that it
// is not begun twice.
//
//go:noinline
//go:nosplit
//go:norace
func Sent(stamp uint64) { nothing() }

// Received is passed by a message that is due as it is received; took is for how long it was under way by its stamp, in nanoseconds.
//
//go:noinline
//go:nosplit
//go:norace
func Received(stamp, took uint64) { nothing() }

//go:noinline
//go:nosplit
//go:norace
func nothing() {}
