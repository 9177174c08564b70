package shm_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/shm"
)

// signalStorm sends SIGUSR1 to every thread of the processes, again and again, until stop is called, which returns how
// many it has sent.
func signalStorm(t *testing.T, pids ...int) (stop func() int) {
	t.Helper()
	var over atomic.Bool
	var sent int
	var all sync.WaitGroup
	all.Go(func() {
		for !over.Load() {
			for _, pid := range pids {
				threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
				if err != nil {
					t.Error(err)
					return
				}
				for _, thread := range threads {
					tid, _ := strconv.Atoi(thread.Name())
					if unix.Tgkill(pid, tid, syscall.SIGUSR1) == nil { // the thread may have ended
						sent++
					}
				}
			}
		}
	})
	return func() int {
		over.Store(true)
		all.Wait()
		return sent
	}
}

func TestSignalsInterruptNothing(t *testing.T) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGUSR1)
	defer signal.Stop(caught)
	for _, w := range []engine.Wait{engine.Block, engine.Hybrid} {
		for _, lane := range []bool{false, true} {
			for _, cancellable := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/lane=%v/cancellable=%v", w, lane, cancellable), func(t *testing.T) {
					residue(t)
					addr := address()
					c := startChild(t, "serve", "ADDR="+addr, "WAIT="+strconv.Itoa(int(w)))
					c.hear()
					c.tell("ignore")
					o := &shm.Options{Engine: newEngine(t, engine.Config{Wait: w})}
					stop := signalStorm(t, os.Getpid(), c.pid())
					ctx := context.Background()
					if cancellable {
						ctx = watchdog(t)
					}
					client := dial(t, addr, o)
					if lane {
						if err := client.onLane(ctx, nil); err != nil {
							t.Fatal(err)
						}
					}
					done := make(chan error, 1)
					rounds := 0
					go func() {
						for ; rounds < 300; rounds++ {
							if err := client.roundTrip(ctx); err != nil {
								done <- err
								return
							}
						}
						done <- nil
					}()
					err := within(t, "the round trips", done)
					sent := stop()
					if err != nil {
						t.Errorf("round trip %d: %v", rounds, err)
					}
					if sent < 1000 {
						t.Logf("only %d signals", sent)
					}
				})
			}
		}
	}
}

// Dialling, handshakes, lanes and ends under the same storm.
func TestSignalsInterruptNoHandshake(t *testing.T) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGUSR1)
	defer signal.Stop(caught)
	residue(t)
	addr := address()
	c := startChild(t, "serve", "ADDR="+addr)
	c.hear()
	c.tell("ignore")
	o := &shm.Options{Engine: newEngine(t, engine.Config{})}
	stop := signalStorm(t, os.Getpid(), c.pid())
	defer stop()
	for range 50 {
		client := dial(t, addr, o)
		client.goesOn(t)
		lane := must(engine.OpenLane[engine.Raw](watchdog(t), client.Session, "ping", nil))
		_ = lane.Close()
		_ = client.Close()
		if said := c.tell("ended"); said != engine.ErrSessionClosed.Error() {
			t.Fatal(said)
		}
	}
}
