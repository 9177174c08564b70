// Package report makes one HTML file of results of corechan perf: what disturbed them, their figures, how their times are distributed
// and went over time, how they differ, where the processor's time went, and on what machine that was.
//
// The file needs nothing else: styles, the script and the plotting library (uPlot, in assets/uplot, as its authors publish it) stand
// in it, and its policy lets a browser fetch nothing. Results may come from strangers: their text is escaped by html/template, and
// what is drawn is data in JSON, which the script only turns into numbers and text.
package report
