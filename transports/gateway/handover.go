package gateway

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/corechan/corechan/fd"
)

// watch has the upstream's connection watched if the peer is to get that itself.
func (c *connection) watch(upstream net.Conn) (id uint64, ok bool) {
	if c.g.handed == nil || c.offer.Proxied || c.offer.IdleTimeout > 0 || !c.sess.Descriptors() || !isKernel(upstream) {
		return 0, false
	}
	id, err := c.g.handed.holders.Add(upstream.(syscall.Conn))
	return id, err == nil
}

// handOver gives the peer the upstream's connection, which is watched as id, and returns when nobody holds that any more, or ctx
// is done.
func (c *connection) handOver(ctx context.Context, upstream net.Conn, id uint64, req *request, answered func()) {
	defer req.Report.Close()
	c.handed, c.sent, c.received = true, -1, -1
	c.offer.handedOver.Add(1)
	err := req.Answer.Send(ctx, &answer{Conn: upstream})
	_ = upstream.Close() // ours; the peer has its own
	if err != nil {
		c.ended(fmt.Errorf("client: gone before the answer: %w", err))
		return
	}
	g := c.g
	answered()
	reported := make(chan *report, 1)
	reporting, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		rep := new(report)
		if req.Report.Receive(reporting, rep) != nil {
			rep = nil
		}
		reported <- rep
		g.handed.lookNow()
	})
	err = g.handed.wait(ctx, id)
	var rep *report
	if err == nil {
		rep = lastWord(ctx, reported)
	} else {
		err = fmt.Errorf("%w; it was handed over and goes on", err)
	}
	stop()
	wg.Wait()
	if rep != nil && rep.believable() {
		c.sent, c.received = rep.Sent, rep.Received
		c.offer.sent.Add(rep.Sent)
		c.offer.received.Add(rep.Received)
		if rep.Reason != "" && err == nil {
			err = fmt.Errorf("peer reports: %s", cut(rep.Reason))
		}
	}
	c.ended(err)
}

// believable reports whether the bytes of a report can be: what a peer says must not make a counter run over.
func (r *report) believable() bool {
	const most = 1 << 50
	return r.Sent >= 0 && r.Sent <= most && r.Received >= 0 && r.Received <= most
}

// reportTime is how long a report may take once the connection is closed.
const reportTime = time.Second

// lastWord returns the report, or nil if none comes in time.
func lastWord(ctx context.Context, reported <-chan *report) *report {
	t := time.NewTimer(reportTime)
	defer t.Stop()
	select {
	case rep := <-reported:
		return rep
	case <-t.C:
	case <-ctx.Done():
	}
	return nil
}

// cut bounds what a peer gets into the log.
func cut(s string) string { return fmt.Sprintf("%.200s", s) }

// handedOver knows which of the connections that were handed over are still held by somebody. It looks once a second while there
// are any, and when it is told to.
type handedOver struct {
	holders *fd.Holders
	now     chan struct{}

	mu      sync.Mutex
	waiting map[uint64]chan struct{} // closed when it is held no more
	looking bool
}

// lookEvery is how long it may take until a connection that was handed over counts as ended.
const lookEvery = time.Second

func newHandedOver(h *fd.Holders) *handedOver {
	return &handedOver{holders: h, now: make(chan struct{}, 1), waiting: map[uint64]chan struct{}{}}
}

// wait returns nil when nobody holds the connection any more, or the cause of ctx's end.
func (h *handedOver) wait(ctx context.Context, id uint64) error {
	over := make(chan struct{})
	h.mu.Lock()
	h.waiting[id] = over
	if !h.looking {
		h.looking = true
		go h.look()
	}
	h.mu.Unlock()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
	}
	h.mu.Lock()
	delete(h.waiting, id)
	h.mu.Unlock()
	h.lookNow() // so that it ends if that was the last one
	return context.Cause(ctx)
}

func (h *handedOver) lookNow() {
	select {
	case h.now <- struct{}{}:
	default:
	}
}

// look looks until there is nothing left to look for.
func (h *handedOver) look() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for h.lookOnce() {
		select {
		case <-tick.C:
		case <-h.now:
		}
	}
}

func (h *handedOver) lookOnce() (more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held, err := h.holders.Held()
	for id, over := range h.waiting {
		if err == nil && !held[id] {
			close(over)
			delete(h.waiting, id)
		}
	}
	h.looking = len(h.waiting) != 0
	return h.looking
}

func (h *handedOver) close() error { return h.holders.Close() }
