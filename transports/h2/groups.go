package h2

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/corechan/corechan/transports/internal/pump"
	"github.com/corechan/corechan/transports/internal/web"
)

// The headers of a session with several requests. The first request says how many it would like, and its response the number and the
// session; each of the others says which session it is for, and which request of it, from 1 on, it is.
const (
	requestsHeader = "Corechan-Requests"
	sessionHeader  = "Corechan-Session"
	requestHeader  = "Corechan-Request"
	maxRequests    = 16
	maxGroups      = 1024
)

// wanted returns how many requests a session is to have.
func wanted(h http.Header) (int, error) {
	given := h.Get(requestsHeader)
	if given == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 1 || n > maxRequests {
		return 0, fmt.Errorf("%s is %q, and must be from 1 to %d", requestsHeader, given, maxRequests)
	}
	return n, nil
}

// groups are the sessions whose requests are not all there.
type groups struct {
	mu  sync.Mutex
	all map[string]*group
}

// A group is the requests of one session.
type group struct {
	id    string
	all   []*conversation // nil: not there yet; under groups.mu until whole
	taken []bool          // under groups.mu
	left  int             // under groups.mu
	whole chan struct{}   // closed when all are there
	over  chan struct{}   // closed when the session is
}

// begin makes a group whose first request is c, unless too many wait; then it returns nil. end is to be called.
func (g *groups) begin(requests int, c *conversation) *group {
	n := &group{
		id: rand.Text(), all: make([]*conversation, requests), taken: make([]bool, requests), left: requests - 1,
		whole: make(chan struct{}), over: make(chan struct{}),
	}
	n.all[0], n.taken[0] = c, true
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.all) == maxGroups {
		return nil
	}
	if g.all == nil {
		g.all = map[string]*group{}
	}
	g.all[n.id] = n
	return n
}

func (g *groups) end(n *group) {
	g.mu.Lock()
	delete(g.all, n.id)
	g.mu.Unlock()
	close(n.over)
}

// claim returns the group that waits for the i-th request.
func (g *groups) claim(id string, i int) (*group, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.all[id]
	switch {
	case n == nil:
		return nil, errors.New("no session waits here for this request; all requests of a session must reach the same server, within its handshake's time")
	case i < 1 || i >= len(n.all) || n.taken[i]:
		return nil, fmt.Errorf("request %d of the session is not waited for", i)
	}
	n.taken[i] = true
	return n, nil
}

// add gives the group its i-th request.
func (g *groups) add(n *group, i int, c *conversation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n.all[i] = c
	if n.left--; n.left == 0 {
		delete(g.all, n.id)
		close(n.whole)
	}
}

// wait waits until all requests are there.
func (n *group) wait(ctx context.Context, limit time.Time) error {
	ctx, cancel := context.WithDeadlineCause(ctx, limit, os.ErrDeadlineExceeded)
	defer cancel()
	select {
	case <-n.whole:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the session's other requests have not come: %w", context.Cause(ctx))
	}
}

// stream is the requests as one stream, once all are there.
func (n *group) stream() pump.Stream {
	out := &dealt{all: n.all}
	bodies := make([]io.Reader, len(n.all))
	for i, c := range n.all {
		bodies[i] = c
	}
	return pump.Stream{Read: (&joined{bodies: bodies}).Read, Write: out.write, CloseWrite: out.closeWrite, Abort: out.abort}
}

// join serves a request that is one more of a session's, until that is over.
func (h *handler) join(c *conversation, id string) {
	i, err := strconv.Atoi(c.body.Header.Get(requestHeader))
	var g *group
	if err == nil {
		g, err = h.groups.claim(id, i)
	}
	if err != nil {
		h.Refuse(c.w, c.body, http.StatusConflict, err)
		return
	}
	err = c.rc.Flush() // the headers: the dialer waits for them
	if err == nil {
		err = c.deadlines(time.Time{})
	}
	if err != nil {
		h.Log(c.body, fmt.Errorf("handshake: %w", err))
		return // the session's first request does not wait for ever
	}
	web.Joined(c.body)
	h.groups.add(g, i, c)
	<-g.over
}
