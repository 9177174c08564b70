package netpoll

import (
	"os"
	"os/signal"
	"testing"

	"golang.org/x/sys/unix"
)

// catchSIGUSR1 lets the signal interrupt system calls instead of ending the process, until the test ends.
func catchSIGUSR1(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGUSR1)
	t.Cleanup(func() { signal.Stop(c) })
}
