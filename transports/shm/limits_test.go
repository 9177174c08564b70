package shm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/shm"
)

func TestAMessageTooLargeIsRefusedAtTheSenderWithItsLimit(t *testing.T) {
	for _, c := range []struct {
		name       string
		maxMessage uint32 // at the receiver
		capacity   int    // of the sender's ring
		limit      int
	}{
		{"the receiver's limit", 1000, 8192, 1000},
		{"the ring", 1 << 20, 8192, 8192 - engine.HeaderSize},
	} {
		for _, lane := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/lane=%v", c.name, lane), func(t *testing.T) {
				residue(t)
				ctx := watchdog(t)
				addr := address()
				s := serve(t, addr, shm.Options{}, engine.Config{Limits: engine.Limits{MaxMessage: c.maxMessage}})
				o := &shm.Options{Engine: newEngine(t, engine.Config{}), Ring: ring.Options{Capacity: c.capacity}}
				client, neighbour := dial(t, addr, o), dial(t, addr, o)
				if lane {
					if err := client.onLane(ctx, &engine.LaneOptions{Ring: ring.Options{Capacity: c.capacity}}); err != nil {
						t.Fatal(err)
					}
				}
				for _, size := range []int{c.limit + 1, 1 << 20} {
					m := make(engine.Raw, size)
					err := client.ping.Send(ctx, &m)
					var limit *engine.LimitError
					if !errors.As(err, &limit) || int(limit.Limit) != c.limit || int(limit.Got) != size {
						t.Errorf("%d bytes: %v, want a limit of %d", size, err, c.limit)
					} else if !strings.Contains(err.Error(), fmt.Sprint(c.limit)) || !strings.Contains(err.Error(), fmt.Sprint(size)) {
						t.Errorf("%v does not name the limit", err)
					}
					if _, err := client.ping.Reserve(ctx, size); !errors.Is(err, engine.ErrLimit) {
						t.Errorf("Reserve: %v", err)
					}
				}
				if got := client.ping.MaxMessage(); got != c.limit {
					t.Errorf("MaxMessage is %d", got)
				}
				m := make(engine.Raw, c.limit)
				if err := client.ping.Send(ctx, &m); err != nil {
					t.Fatal(err)
				}
				var back engine.Raw
				if err := client.pong.Receive(ctx, &back); err != nil || len(back) != c.limit {
					t.Fatal(len(back), err)
				}
				client.goesOn(t)
				neighbour.goesOn(t)
				_ = client.Close()
				if err := within(t, "the session's end", s.ended); !errors.Is(err, engine.ErrSessionClosed) {
					t.Error(err)
				}
			})
		}
	}
}

func TestMoreSessionsThanTheLimitAreRefused(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	addr := address()
	s := serve(t, addr, shm.Options{}, engine.Config{Limits: engine.Limits{Sessions: 3}})
	o := &shm.Options{Engine: newEngine(t, engine.Config{})}
	var clients []*client
	for range 3 {
		clients = append(clients, dial(t, addr, o))
		clients[len(clients)-1].goesOn(t)
	}
	c, err := newClient(ctx, addr, o)
	if err == nil {
		err = c.roundTrip(ctx)
		_ = c.Close()
	}
	if err == nil {
		t.Error("a fourth session")
	}
	if err := s.log.take(t, "peer refused"); !errors.Is(err, engine.ErrLimit) {
		t.Error(err)
	}
	for _, c := range clients {
		c.goesOn(t)
	}
	_ = clients[0].Close()
	_ = within(t, "its end", s.ended)
	eventually(t, "there is room again", func() bool {
		c, err := newClient(ctx, addr, o)
		if err == nil {
			err = c.roundTrip(ctx)
			_ = c.Close()
		}
		return err == nil
	})
}
