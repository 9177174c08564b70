// Package compare runs what is compared and reports it.
//
// Each entry has two processes of its own for each case, confined to one core each: nothing of one is counted for another, and one that
// fails harms nobody. All but the pair whose turn it is are stopped (SIGSTOP), so that nobody's timers or polling disturb others. Slices of
// all alternate with slices of the machine's limit:
//
//	limit | first | limit | second | limit | ... | last | limit | first | ...
//
// Each slice is divided by the mean of the limits beside it, and what is reported is the median over the rounds, with the least and the
// largest. A slice begins with work that does not count.
package compare
