package probe

// MarkStats says how long messages took that processes mark: of those with a stamp (engine.Engine.StampMessages) one in 128, at random. It is
// from one function that the sender calls before it publishes a message until another one that the receiver calls when it has it, which an
// interrupt into the kernel (a uprobe) sees at either. So it is what the stamps say too, found out by another way.
type MarkStats struct {
	Sent uint64 `json:"sent"` // marked messages sent on this core
	// Received is how many were received on this core. Each of them is counted in exactly one of: Times, Missed, Discarded.
	Received uint64 `json:"received"`
	// Missed: the sending was not seen, as the sender is not followed or it was before Start, or is forgotten, as some 16,384 others were sent
	// since.
	Missed uint64 `json:"missed"`
	// Discarded: it was received before it was sent, by the kernel's clocks or by its stamp: clocks differ, or the sender lies.
	Discarded uint64 `json:"discarded"`
	// Times are those by the kernel's clock. What the interrupt itself takes, about half a microsecond at either end, is half in them.
	Times Histogram `json:"times"`
	// Stamped are those of the same messages by their stamps.
	Stamped Histogram `json:"stamped"`
}

func (s *MarkStats) clone() *MarkStats { c := *s; return &c }

func (s *MarkStats) sub(before *MarkStats) {
	s.Sent -= min(before.Sent, s.Sent)
	s.Received -= min(before.Received, s.Received)
	s.Missed -= min(before.Missed, s.Missed)
	s.Discarded -= min(before.Discarded, s.Discarded)
	s.Times.Sub(&before.Times)
	s.Stamped.Sub(&before.Stamped)
}
