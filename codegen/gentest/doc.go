// Package gentest is what generated tests call: it fills messages, sends them through their generated methods and compares what
// comes back, and feeds those methods, and services, what no sender would write. Values that are carried beside a message are left out: what
// becomes of them is the engine's.
package gentest
