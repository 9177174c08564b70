// Package environment says on what machine a figure was measured, and what came in the way while it was.
//
// An Environment is what does not change during a run: kernel, processor, how cores are set up, what was built. Counters
// are what the kernel counts for one hot thread and its core; two of them, read before and after, are a Disturbance.
// What it has too much of are its Marks: a run with any is noisy, and its figures, above all those of the tail, say more about the
// machine's other work than about what was measured.
//
// All of it is read from files in proc and sys and by system calls that need no privilege. What a machine does not tell is left empty.
package environment
