// Package objects holds the kernel's side of package probe: the programs of perf/probe/bpf, compiled for each architecture, and code that
// loads them. perf/probe/bpf/generate.sh writes all of it but this file.
package objects
