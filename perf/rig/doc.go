// Package rig is what measurements are set up with: cores, a second process and the conversation with it, a runtime that keeps quiet,
// and transports. What is measured is for others to say: package perf for what takes turns with its limit, package perf/load for what
// comes at a rate.
package rig
