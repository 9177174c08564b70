// Package measure says what a measured slice is: the contract between the harness (package perf), the machine's bare
// limits (package perf/limit) and the loops that drive corechan itself.
//
// Whatever is measured has two halves, each run by one thread: the near half leads and keeps the time, the far half
// answers or consumes. The harness has both halves of several things open at once and gives each a slice in turn:
// one call of Run, which contains the whole hot loop. So nothing of the harness, not even an interface call, is paid
// per message.
package measure
