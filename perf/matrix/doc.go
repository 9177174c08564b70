// Package matrix measures many settings in one go: each transport with each message size, each way to wait, each number of
// sessions. What comes out is comparable, as far as a machine that drifts allows it:
//
//   - Each cell is held against the machine's own limit for its transport and size, measured in the same seconds: its ratio is the time that
//     a round trip takes, by the time that the limit's takes. Several sessions have one message under way each; the time of a round
//     trip is then what is left for each, the elapsed time by their number.
//   - The cells are measured in random order, another one in each repeat, so that a drift of the machine falls on no
//     cell in particular. The order depends on the seed alone: the same seed has the same order.
//   - All is repeated, and a ratio is the median of its repeats. How far apart these are is reported for each cell, and for all: what differs by
//     less is no difference.
package matrix
