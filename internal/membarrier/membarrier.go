// Package membarrier makes one side of a Dekker-style handshake free: membarrier(2).
//
// Two threads that each store one word and then load the other's need a full fence between store and load. Where one
// side is hot and the other rare, the rare side can execute the fence for both: after its store it calls membarrier,
// which returns once every running thread concerned has passed a full fence, and then loads. The hot side needs no
// more than program order.
package membarrier

import (
	"sync"

	"golang.org/x/sys/unix"
)

// The commands, from linux/membarrier.h.
const (
	cmdGlobalExpedited          = 1 << 1
	cmdRegisterGlobalExpedited  = 1 << 2
	cmdPrivateExpedited         = 1 << 3
	cmdRegisterPrivateExpedited = 1 << 4
)

func call(cmd uintptr) bool {
	_, _, errno := unix.RawSyscall(unix.SYS_MEMBARRIER, cmd, 0, 0)
	return errno == 0
}

// registered registers the process once, for both commands.
var registered = sync.OnceValue(func() bool {
	return call(cmdRegisterPrivateExpedited) && call(cmdRegisterGlobalExpedited) &&
		call(cmdPrivateExpedited) && call(cmdGlobalExpedited)
})

// Available reports whether Process and Machine work, and so whether this process's threads pass the fences of others.
// It needs Linux 4.16; some sandboxes refuse it.
func Available() bool { return registered() }

// Process returns once every running thread of this process has passed a full fence. Only where Available.
func Process() { call(cmdPrivateExpedited) }

// Machine returns once every running thread of every process of this machine in which Available was called has passed
// a full fence. Only where Available.
func Machine() { call(cmdGlobalExpedited) }
