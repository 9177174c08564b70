package shm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/shm"
)

// waitOf is how the child's engine waits: WAIT.
func waitOf() engine.Wait {
	n, _ := strconv.Atoi(os.Getenv("WAIT"))
	return engine.Wait(n)
}

// childServe serves at ADDR.
func childServe(c *childSide) error {
	s, err := newServer(os.Getenv("ADDR"), shm.Options{}, engine.Config{Wait: waitOf()})
	if err != nil {
		return err
	}
	defer s.stop()
	c.say("ready")
	var restore func()
	return c.obey(func(words []string) (string, error) {
		switch words[0] {
		case "limit": // leave that many descriptors free
			n, err := strconv.Atoi(words[1])
			if err != nil {
				return "", err
			}
			restore, err = lowerLimit(n)
			return "ok", err
		case "restore":
			restore()
			return "ok", nil
		case "warm": // have the runtime open what it will keep
			_, err := os.ReadFile("/proc/self/maps")
			return "ok", err
		case "open": // how much is open and mapped
			maps, err := os.ReadFile("/proc/self/maps")
			if err != nil {
				return "", err
			}
			fds, err := os.ReadDir("/proc/self/fd")
			return fmt.Sprintf("%d descriptors %d mappings", len(fds), strings.Count(string(maps), "memfd:corechan")), err
		case "logged": // wait for a message in the log
			err, ok := s.log.find(strings.Join(words[1:], " "))
			if !ok {
				return "", errors.New("not logged")
			}
			return err.Error(), nil
		case "has":
			return fmt.Sprint(s.log.has(strings.Join(words[2:], " "))), nil
		case "ended": // wait until a session has ended
			select {
			case err := <-s.ended:
				return err.Error(), nil
			case <-time.After(patience):
				return "", errors.New("no session has ended")
			}
		case "memory":
			n, err := privateMemory()
			return fmt.Sprint(n), err
		case "ignore": // what signals
			ignoreSignals()
			return "ok", nil
		}
		return "", errNoCommand
	})
}

// childDial dials ADDR.
func childDial(c *childSide) error {
	addr := os.Getenv("ADDR")
	o := &shm.Options{AllowUIDs: []uint32{0}}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.obey(func(words []string) (string, error) {
		switch words[0] {
		case "dial":
			if len(words) == 2 && words[1] == "strictly" {
				o.AllowUIDs = nil
			}
			s, err := newClient(ctx, addr, o)
			if err != nil {
				return err.Error(), nil
			}
			defer s.Close()
			if err := s.roundTrip(ctx); err != nil {
				return "", err
			}
			return "ok", nil
		case "refused": // dial that often, and be refused each time
			n, err := strconv.Atoi(words[1])
			if err != nil {
				return "", err
			}
			for i := range n {
				if _, err := shm.Dial(ctx, addr, o); !errors.Is(err, shm.ErrRefused) {
					return "", fmt.Errorf("dial %d: %w", i, err)
				}
			}
			return "ok", nil
		case "leave": // send that many messages, and wait to be killed
			n, err := strconv.Atoi(words[1])
			if err != nil {
				return "", err
			}
			return "ok", leave(ctx, addr, uint64(n))
		case "exhausted":
			return "ok", dialExhausted(ctx, addr, len(words) > 1)
		case "lanes":
			return "ok", lanesExhausted(ctx, addr)
		case "block":
			return "ok", blockExhausted(ctx, addr)
		}
		return "", errNoCommand
	})
}

// lowerLimit sets the soft RLIMIT_NOFILE so that exactly free more descriptors can be made, and returns what puts it
// back.
func lowerLimit(free int) (restore func(), err error) {
	// The limit is on the number, so fill the holes below it first.
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		return nil, err
	}
	var fill []int
	for range 64 {
		n, err := syscall.Dup(1)
		if err != nil {
			return nil, err
		}
		fill = append(fill, n)
	}
	lim := old
	lim.Cur = uint64(fill[len(fill)-1] + 1)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return nil, err
	}
	for _, n := range fill[len(fill)-free:] {
		_ = syscall.Close(n)
	}
	return func() {
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
		for _, n := range fill[:len(fill)-free] {
			_ = syscall.Close(n)
		}
	}, nil
}

// privateMemory returns how many bytes of memory this process has for itself, without segments.
func privateMemory() (int, error) {
	runtime.GC()
	debug.FreeOSMemory()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	all, err := io.ReadAll(f)
	if err != nil {
		return 0, err
	}
	total, segment := 0, false
	for line := range strings.Lines(string(all)) {
		words := strings.Fields(line)
		switch {
		case !strings.HasSuffix(words[0], ":"):
			segment = strings.Contains(line, "memfd:corechan")
		case words[0] == "Private_Dirty:" || words[0] == "Private_Clean:":
			if !segment {
				n, err := strconv.Atoi(words[1])
				if err != nil {
					return 0, err
				}
				total += n << 10
			}
		}
	}
	return total, nil
}

// ignoreSignals has SIGUSR1 delivered, and to nobody.
func ignoreSignals() { signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR1) }
