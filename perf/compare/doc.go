// Package compare tells what differs between two sets of results of corechan perf beyond noise.
//
// A figure that was measured several times on each side is judged by the Mann-Whitney U test, which assumes nothing of how the
// values are distributed: if no side had an advantage, how likely would the values of one be as far above those of the other? That
// is p. What the test is given are repeats, each with new processes, and not the slices of one: those are like each other, and
// unlike those of the next run, so that taking them for repeats would find differences everywhere. With four runs on each side the
// least p is 0.029, so fewer cannot show a difference at 0.05. Package benchmath, of the authors of benchstat, does the sums.
//
// The runs of a load (perf load) are its rounds, which have their processes in common: to compare two loads, make several files of each.
//
// At 0.05 one in twenty figures that are the same is said to differ. So figures whose medians are closer than some percent are not
// said to, whatever p is; and whoever looks at many figures chooses a smaller p, and makes more runs.
package compare
