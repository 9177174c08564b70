package load

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/perf"
	"github.com/corechan/corechan/perf/measure"
)

// conn is a session as its sender has it.
type conn struct {
	session *engine.Session
	tx      engine.Sender[perf.Message]
	rx      engine.Receiver[perf.Message]
	out, in perf.Message
	sentAt  []int64 // by the clock, of the messages under way: number n stands at n modulo its length
	sent    uint64
	back    uint64 // answers
}

// newConn makes room for so many messages under way.
func newConn(c *Config) (*conn, error) {
	out, err := perf.NewMessage(c.Size)
	if err != nil {
		return nil, err
	}
	one := &conn{
		out: out, in: perf.Message{Pad: make([]byte, len(out.Pad))},
		sentAt: make([]int64, 1<<bits.Len(uint(c.mostUnderWay()))),
	}
	clear(one.sentAt) // touches it
	return one, nil
}

func (c *conn) underWay() int { return int(c.sent - c.back) }

// sender is one thread that sends.
type sender struct {
	conns    []*conn
	most     int // messages under way, of each
	clock    measure.Clock
	schedule *schedule
	samples  *samples
	stop     *atomic.Bool // of all: set when the run is to end
	closed   bool         // due whenever there is room
	yields   bool         // let other goroutines run: what brings the answers may be one
	patience time.Duration

	turn, look int // the session that sends next, the one that is looked at next
	underWay   int
}

// round is what all senders do at the same time.
type round struct {
	begin, length int64
	measured      bool
	stall         bool // one message has the receiver stand still; for one sender
}

// tally is what came of a round.
type tally struct {
	Sent   int64 // in time or late
	Unsent int64 // were due and not sent when the round was over
	Lost   int64 // were not answered
	Late   int64 // ns, how late a message was sent at most
}

func (t *tally) add(more tally) {
	t.Sent += more.Sent
	t.Unsent += more.Unsent
	t.Lost += more.Lost
	t.Late = max(t.Late, more.Late)
}

// errStopped says that the run was to end.
var errStopped = errors.New("stopped")

// run makes one round: it is the hot loop. Each turn sends one message, if one is due, and looks for one answer.
func (s *sender) run(r round) (t tally, err error) {
	end := r.begin + r.length
	s.schedule.start(r.begin)
	s.samples.start(r.begin, r.length)
	stallFrom := end
	if r.stall {
		stallFrom = r.begin + r.length/2
	}
	heard := r.begin // when the last answer came
	due := s.schedule.due()
	for {
		now := s.clock.Now()
		if s.stop.Load() {
			return t, errStopped
		}
		sent := false
		if s.closed && due < end {
			due = min(max(now, r.begin), end-1)
		}
		if due < end {
			switch {
			case now >= end:
				if due = end; !s.closed {
					t.Unsent = s.schedule.left(end)
				}
			case now >= due:
				if c := s.next(); c != nil {
					stalls := due >= stallFrom
					if stalls {
						stallFrom = end
					}
					if err := c.send(&s.clock, due, now, stalls); err != nil {
						return t, err
					}
					s.underWay++
					t.Sent++
					t.Late = max(t.Late, now-due)
					s.schedule.next()
					due = s.schedule.due()
					sent = true
				}
			}
		} else if s.underWay == 0 {
			return t, nil
		}
		if s.underWay == 0 {
			continue
		}
		answered, err := s.receive(r.measured)
		switch {
		case err != nil:
			return t, err
		case answered:
			heard = now
		case !sent && s.yields:
			runtime.Gosched()
		}
		if !answered && due >= end && now-max(heard, end) > int64(s.patience) {
			t.Lost = int64(s.underWay)
			return t, nil
		}
	}
}

// next is the session that sends next: it has room. nil if none has.
func (s *sender) next() *conn {
	for range s.conns {
		c := s.conns[s.turn]
		if s.turn++; s.turn == len(s.conns) {
			s.turn = 0
		}
		if c.underWay() < s.most {
			return c
		}
	}
	return nil
}

// stallMark in the first byte of padding has the receiver stand still.
const stallMark = 1

// send sends the next message of a session, stamped with when it was due.
func (c *conn) send(clock *measure.Clock, due, now int64, stalls bool) error {
	c.out.Seq++
	c.out.Sent = clock.Unix(due)
	c.sentAt[c.sent&uint64(len(c.sentAt)-1)] = now
	c.sent++
	if stalls {
		c.out.Pad[0] = stallMark
		defer func() { c.out.Pad[0] = 0 }()
	}
	return c.tx.Send(context.Background(), &c.out)
}

// receive looks for an answer, at the next session that is to have one.
func (s *sender) receive(measured bool) (answered bool, err error) {
	c := s.conns[s.look]
	for c.underWay() == 0 {
		s.look++
		c = s.conns[s.look%len(s.conns)]
	}
	if s.look++; s.look >= len(s.conns) {
		s.look %= len(s.conns)
	}
	ok, err := c.rx.TryReceive(&c.in)
	if !ok {
		return false, err
	}
	now := s.clock.Now()
	c.back++
	if want := c.out.Seq - uint64(c.underWay()); c.in.Seq != want {
		return true, fmt.Errorf("%w: number %d came where %d was due", errMismatch, c.in.Seq, want)
	}
	s.underWay--
	if measured {
		due := c.in.Sent - s.clock.Unix(0)
		s.samples.add(due, now-due, now-c.sentAt[(c.back-1)&uint64(len(c.sentAt)-1)])
	}
	return true, nil
}

// errMismatch reports that an answer is not that of the message whose turn it is: one was lost, doubled or overtaken.
var errMismatch = errors.New("corechan delivered another message than was due")
