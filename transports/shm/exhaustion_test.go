package shm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/shm"
)

// blocking has a child wait in such a way that a session has all its descriptors after its first messages.
var blocking = "WAIT=" + strconv.Itoa(int(engine.Block))

// enough descriptors for everything that is tried here.
const enough = 12

func TestAListenerThatCannotAcceptTriesAgain(t *testing.T) {
	residue(t)
	addr := address()
	c := startChild(t, "serve", "ADDR="+addr, blocking)
	c.hear()
	o := &shm.Options{Engine: newEngine(t, engine.Config{})}
	neighbour := dial(t, addr, o)
	neighbour.goesOn(t)
	c.tell("warm")
	c.tell("limit 3")
	var stalled []*hostile // they hold what they have got, unless they are refused
	eventually(t, "the listener cannot accept", func() bool {
		stalled = append(stalled, rawDial(t, addr))
		return c.tell("has logged accept failed") == "true"
	})
	if said := c.tell("logged accept failed"); !strings.Contains(said, fd.ErrExhausted.Error()) {
		t.Errorf("accept failed: %s", said)
	}
	neighbour.goesOn(t)
	waiting := rawDial(t, addr)
	waiting.say(hello(), copies(1)(t)...)
	c.tell("restore")
	dial(t, addr, o).goesOn(t)
	if b, fds := waiting.hear(helloSize); len(fds) == 1 {
		closeFDs(fds)
	} else if !strings.Contains(string(b), fd.ErrExhausted.Error()) {
		t.Errorf("who waited heard %q", b)
	}
	for _, h := range stalled {
		h.close()
	}
	neighbour.goesOn(t)
}

func TestAListenerOutOfDescriptorsRefusesByNameAndRecovers(t *testing.T) {
	residue(t)
	for _, withNeighbour := range []bool{false, true} {
		t.Run(fmt.Sprintf("neighbour=%v", withNeighbour), func(t *testing.T) {
			addr := address()
			c := startChild(t, "serve", "ADDR="+addr, blocking)
			c.hear()
			o := &shm.Options{Engine: newEngine(t, engine.Config{})}
			dial(t, addr, o).Close()
			c.tell("ended")
			c.tell("warm")
			var neighbour *client
			if withNeighbour {
				neighbour = dial(t, addr, o)
				neighbour.goesOn(t)
			}
			before := c.tell("open")
			for free := range enough {
				c.tell("limit %d", free)
				s, err := newClient(watchdog(t), addr, o)
				c.tell("restore")
				if err == nil {
					if err := s.roundTrip(watchdog(t)); err != nil {
						t.Errorf("%d free: %v", free, err)
					}
					_ = s.Close()
					c.tell("ended")
					if free == 0 {
						t.Error("none free, and nothing failed")
					}
				} else if free == enough-1 || !errors.Is(err, shm.ErrRefused) ||
					!strings.Contains(err.Error(), fd.ErrExhausted.Error()) && !strings.Contains(err.Error(), fd.ErrTruncated.Error()) {
					t.Errorf("%d free: %v", free, err)
				}
				if neighbour != nil {
					neighbour.goesOn(t)
				}
			}
			after := before
			if !poll(func() bool { after = c.tell("open"); return after == before }) {
				t.Errorf("%s at the start, %s at the end", before, after)
			}
		})
	}
}

func TestADialerOutOfDescriptorsGetsANamedError(t *testing.T) {
	residue(t)
	addr := address()
	serve(t, addr, shm.Options{}, engine.Config{})
	neighbour := dial(t, addr, &shm.Options{Engine: newEngine(t, engine.Config{})})
	for _, what := range []string{"exhausted", "exhausted with a neighbour"} {
		if said := startChild(t, "dial", "ADDR="+addr).tell("%s", what); said != "ok" {
			t.Error(said)
		}
		neighbour.goesOn(t)
	}
}

// openFDs counts the descriptors of this process.
func openFDs() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	return len(list)
}

// tryWith calls f with more and more descriptors free, until it succeeds, and checks that its failures leave none behind.
func tryWith(f func() error) error {
	before := openFDs()
	failed := 0
	for free := range enough {
		restore, err := lowerLimit(free)
		if err != nil {
			return err
		}
		err = f()
		restore()
		if err == nil {
			if failed == 0 {
				return errors.New("nothing failed")
			}
			return nil
		}
		if !poll(func() bool { return openFDs() == before }) {
			return fmt.Errorf("%d free: %w, then %d open, %d at the start", free, err, openFDs(), before)
		}
		failed++
		if !errors.Is(err, fd.ErrExhausted) && !errors.Is(err, fd.ErrTruncated) {
			return fmt.Errorf("%d free: %w", free, err)
		}
	}
	return errors.New("nothing succeeded")
}

func dialExhausted(ctx context.Context, addr string, withNeighbour bool) error {
	eng := must(engine.New(engine.Config{}))
	o := &shm.Options{Engine: eng}
	if withNeighbour {
		c, err := newClient(ctx, addr, o)
		if err != nil {
			return err
		}
		defer c.Close()
	}
	return tryWith(func() error {
		if !withNeighbour {
			o.Engine = must(engine.New(engine.Config{})) // whose loop needs descriptors too
			defer o.Engine.Shutdown(context.Background())
		}
		s, err := shm.Dial(ctx, addr, o)
		if err == nil {
			_ = s.Close()
		}
		return err
	})
}

func TestAnOpenerOfLanesOutOfDescriptorsGetsANamedErrorAndItsSessionGoesOn(t *testing.T) {
	residue(t)
	addr := address()
	serve(t, addr, shm.Options{}, engine.Config{})
	if said := startChild(t, "dial", "ADDR="+addr).tell("lanes"); said != "ok" {
		t.Error(said)
	}
}

func lanesExhausted(ctx context.Context, addr string) error {
	c, err := newClient(ctx, addr, &shm.Options{Engine: must(engine.New(engine.Config{Wait: engine.Block}))})
	if err != nil {
		return err
	}
	defer c.Close()
	for range 100 { // one of which waits, and makes the descriptor that this needs
		if err := c.roundTrip(ctx); err != nil {
			return err
		}
	}
	return tryWith(func() error {
		_, err := engine.OpenLane[engine.Raw](ctx, c.Session, "nobody accepts this", nil)
		if rerr := c.roundTrip(ctx); rerr != nil {
			return fmt.Errorf("the session, after %v: %v", err, rerr) //nolint:errorlint // neither is what is expected
		}
		return err
	})
}

func TestAnAcceptorOfLanesOutOfDescriptorsRefusesThemByName(t *testing.T) {
	residue(t)
	addr := address()
	c := startChild(t, "serve", "ADDR="+addr, blocking)
	c.hear()
	o := &shm.Options{Engine: newEngine(t, engine.Config{})}
	client := dial(t, addr, o)
	client.goesOn(t)
	c.tell("warm")
	before := c.tell("open")
	refused := 0
	for free := range enough {
		c.tell("limit %d", free)
		lane, err := engine.OpenLane[engine.Raw](watchdog(t), client.Session, "nobody accepts this", nil)
		c.tell("restore")
		if err == nil {
			_ = lane.Close()
			break
		}
		refused++
		if !errors.Is(err, engine.ErrLimit) || !strings.Contains(err.Error(), "descriptors") {
			t.Errorf("%d free: %v", free, err)
		}
		client.goesOn(t)
		after := before
		if !poll(func() bool { after = c.tell("open"); return after == before }) {
			t.Errorf("%d free: %s at the start, %s at the end", free, before, after)
		}
	}
	if refused == 0 || refused == enough {
		t.Errorf("%d of %d lanes were refused", refused, enough)
	}
}

// Waiting for a context in a blocking call needs an eventfd, but can do without.
func TestASessionGoesOnWithoutDescriptors(t *testing.T) {
	residue(t)
	addr := address()
	serve(t, addr, shm.Options{}, engine.Config{Wait: engine.Block})
	if said := startChild(t, "dial", "ADDR="+addr).tell("block"); said != "ok" {
		t.Error(said)
	}
}

func blockExhausted(ctx context.Context, addr string) error {
	c, err := newClient(context.Background(), addr, &shm.Options{Engine: must(engine.New(engine.Config{Wait: engine.Block}))})
	if err != nil {
		return err
	}
	defer c.Close()
	restore, err := lowerLimit(0)
	if err != nil {
		return err
	}
	defer restore()
	for range 1000 {
		if err := c.roundTrip(ctx); err != nil {
			return err
		}
	}
	return nil
}
