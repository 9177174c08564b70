// Package result is what a measurement leaves on disk, and how that is read again.
//
// A result is one JSON object, in a file of its own:
//
//	format, version   what this is: "corechan perf", 1
//	kind              what was measured: pingpong, stream, call, fd, bytes, load, …
//	environment       the machine, what was built and the command line: package environment
//	config            what was asked for, by the names of the flags
//	marks             what disturbed it; a result with any is noisy, and so is its file's name
//	subjects          what was measured: the system, what it was held against, and each case of a matrix
//	  figures         by name: the median over the repeats, each repeat's own, their unit and which way is better
//	  timings         distributions of times: percentiles, the whole histogram, and how they went over time
//
// Whoever reads a result need not trust who wrote it: Read bounds how large it is, how many values it has and how much memory
// its histograms take, refuses what is no number, no name and no text for a terminal, and names the place of what it refuses. Fields
// that it does not know are ignored, as a later version may add some; a change that an older reader would misunderstand raises
// the version, which an older reader refuses by name.
//
// A file is written under another name first, and renamed when it is complete, so that a reader sees all of it or nothing.
package result
