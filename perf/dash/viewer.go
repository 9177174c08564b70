package dash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/corechan/corechan/engine"
)

// ChannelName is the channel that the server opens on each session.
const ChannelName = "dash"

// defaultPatience is how long a viewer may take nothing.
const defaultPatience = 10 * time.Second

// namedDrops is how many of the viewers that were dropped are named.
const namedDrops = 4

// viewers counts who looks, and remembers who was dropped.
type viewers struct {
	mu      sync.Mutex
	count   int
	drops   uint64
	dropped []string
	closed  bool
	all     sync.WaitGroup
}

// enter reports whether one more may look; if so, it leaves.
func (v *viewers) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return false
	}
	v.count++
	v.all.Add(1)
	return true
}

func (v *viewers) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count--
	v.all.Done()
}

// close lets nobody in any more, and waits until all have left.
func (v *viewers) close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.all.Wait()
}

func (v *viewers) drop(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drops++
	v.dropped = append(v.dropped, name)
	if len(v.dropped) > namedDrops {
		v.dropped = v.dropped[1:]
	}
}

func (v *viewers) now() (count int, dropped []string, drops uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.count, append([]string(nil), v.dropped...), v.drops
}

// errSlow is a viewer that takes nothing.
var errSlow = errors.New("viewer reads nothing")

// view serves one session: all that is kept and that its page does not have, then each sample as it is taken.
func (d *Dash) view(_ context.Context, s *engine.Session) {
	if !d.viewers.enter() {
		return
	}
	defer d.viewers.leave()
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()
	r := s.Peer().Identity.(*http.Request)

	// Whoever waits on a session reads it: this sees what the page grants, and that it goes.
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	reader.Go(func() {
		defer cancel()
		_, _ = engine.Accept[engine.Raw](ctx, s, "nothing")
	})

	err := d.feed(ctx, s, r)
	switch {
	case errors.Is(err, errSlow):
		why := fmt.Sprintf("nothing was read for %v", d.config.patience)
		d.viewers.drop(r.RemoteAddr)
		d.config.Logger.Warn("viewer dropped", "peer", r.RemoteAddr, "reason", why)
		_ = s.CloseWith(&engine.ChannelError{Code: engine.CodeLimit, Text: why})
	case d.ctx.Err() != nil:
		_ = s.CloseWith(&engine.ChannelError{Code: engine.CodeDrained, Text: "the dashboard has ended"})
	}
}

// feed sends until something fails.
func (d *Dash) feed(ctx context.Context, s *engine.Session, r *http.Request) error {
	var seq uint64
	if q := r.URL.Query(); q.Get("run") == d.about.Run {
		seq, _ = strconv.ParseUint(q.Get("after"), 10, 63)
		seq = min(seq, d.history.next()-1)
	}
	to, err := engine.Open[json.RawMessage](ctx, s, ChannelName)
	if err != nil {
		return err
	}
	about, err := json.Marshal(d.about)
	if err != nil {
		return err
	}
	if err := d.send(ctx, to, about); err != nil {
		return err
	}
	for {
		b, at, more := d.history.after(seq)
		if b == nil {
			select {
			case <-more:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := d.send(ctx, to, b); err != nil {
			return err
		}
		seq = at
	}
}

// send sends one message; errSlow says that its reader does not make room for it.
func (d *Dash) send(ctx context.Context, to engine.Sender[json.RawMessage], b json.RawMessage) error {
	inner, cancel := context.WithTimeout(ctx, d.config.patience)
	defer cancel()
	err := to.Send(inner, &b)
	if err != nil && ctx.Err() == nil && inner.Err() != nil {
		return errSlow
	}
	return err
}

// recording answers with all that is kept, one message a line.
func (d *Dash) recording(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Content-Disposition", `attachment; filename="corechan-`+time.Now().UTC().Format("20060102T150405Z")+`.jsonl"`)
	enc := json.NewEncoder(w)
	if r.Method == http.MethodHead || enc.Encode(d.about) != nil {
		return
	}
	last := d.history.next() - 1
	rc := http.NewResponseController(w)
	for seq := uint64(0); seq < last; {
		b, at, _ := d.history.after(seq)
		if b == nil {
			return
		}
		_ = rc.SetWriteDeadline(time.Now().Add(d.config.patience)) // of each line, so that a slow reader can have it all
		if _, err := w.Write(append(b[:len(b):len(b)], '\n')); err != nil {
			return
		}
		seq = at
	}
}
