package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/corechan/corechan/engine"
)

// subscriptions is the name of the channel on which subscribers subscribe.
const subscriptions = "subscriptions"

// maxQueue bounds what a subscriber can ask for.
const maxQueue = 10_000

// A hub has a queue for each subscriber:
//
//	publish ──> queue, drops its oldest when full ──> feed ──> channel, blocks when its window is full ──> subscriber
//
// So publish never waits, and each feed waits for its own subscriber only.
type hub struct {
	tell func(line string) // what becomes of subscribers

	mu    sync.Mutex
	seq   uint64
	queue map[chan Event]struct{}
	over  chan struct{} // closed by end
}

func newHub(tell func(string)) *hub {
	return &hub{tell: tell, queue: map[chan Event]struct{}{}, over: make(chan struct{})}
}

// publish gives an event to all subscribers. It never waits for any of them.
func (h *hub) publish(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	for q := range h.queue {
		for put := false; !put; {
			select {
			case q <- Event{Seq: h.seq, Text: text}:
				put = true
			default:
				select {
				case <-q: // the oldest; feed sees the gap
				default: // feed was faster
				}
			}
		}
	}
}

// end says that there are no more events. serve returns when all subscribers have what is in their queues.
func (h *hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.over)
	for q := range h.queue {
		close(q)
	}
	h.queue = nil
}

// subscribe makes a queue. Its events are those from seq on.
func (h *hub) subscribe(size uint16) (q chan Event, seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	q = make(chan Event, max(1, min(size, maxQueue)))
	if h.queue == nil {
		close(q)
	} else {
		h.queue[q] = struct{}{}
	}
	return q, h.seq + 1
}

func (h *hub) unsubscribe(q chan Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.queue, q)
}

// serve lets subscribers in until the hub has ended or ctx does.
func (h *hub) serve(ctx context.Context, ln *engine.Listener) error {
	var sessions sync.WaitGroup
	defer sessions.Wait()
	accepting, stop := context.WithCancel(ctx)
	defer stop()
	sessions.Go(func() {
		defer stop()
		select {
		case <-h.over:
		case <-accepting.Done():
		}
	})
	for sess, err := range ln.Sessions(accepting) {
		if accepting.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		sessions.Go(func() {
			defer sess.Close()
			h.serveSession(ctx, accepting, sess)
		})
	}
	return nil
}

// serveSession feeds the subscribers of one process.
func (h *hub) serveSession(ctx, accepting context.Context, sess *engine.Session) {
	subscribers, err := engine.Accept[Subscription](accepting, sess, subscriptions)
	if err != nil {
		return
	}
	var feeding sync.WaitGroup
	defer feeding.Wait()
	for s, err := range subscribers.All(accepting) {
		if err != nil {
			return // feed tells what became of each
		}
		q, first := h.subscribe(s.Queue)
		h.tell(s.Name + ": subscribed")
		name, events := s.Name, s.Events
		feeding.Go(func() {
			sent, missed, err := feed(ctx, events, q, first)
			h.unsubscribe(q)
			if err != nil {
				h.tell(fmt.Sprintf("%s: %d sent, %d missed: %v", name, sent, missed, err))
			} else {
				h.tell(fmt.Sprintf("%s: %d sent, %d missed", name, sent, missed))
			}
		})
	}
}

// errStopped ends the channels of subscribers that could not be given everything.
var errStopped = errors.New("firehose serve was told to end, or the subscriber was too slow at the end")

// feed sends what comes through a queue, at the pace of the subscriber, and what it has missed.
func feed(ctx context.Context, to engine.Sender[Event], q <-chan Event, next uint64) (sent, missed uint64, err error) {
	subscribed, cancel := to.Context(ctx) // ends when the subscriber leaves, too
	defer cancel()
	defer func() {
		if ctx.Err() != nil {
			err = errStopped
		}
		_ = to.CloseWith(err)
	}()
	for {
		select {
		case e, more := <-q:
			if !more {
				return sent, missed, nil
			}
			e.Missed = e.Seq - next
			next = e.Seq + 1
			missed += e.Missed
			if err := to.Send(ctx, &e); err != nil {
				return sent, missed, err
			}
			sent++
		case <-subscribed.Done():
			return sent, missed, context.Cause(subscribed)
		}
	}
}
