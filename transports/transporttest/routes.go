package transporttest

import "github.com/corechan/corechan/engine"

// A way is a channel, and the links it goes over.
type way struct {
	s engine.Sender[note]
	r engine.Receiver[note]
	// The sessions that the ends belong to, nil within the process.
	from, to *engine.Session
	// The links at the sender's and at the receiver's end: the same, unless there is a hop.
	near, far Link
	lane      bool // it has a ring of its own
}

// hops reports whether something stands between the two ends.
func (w *way) hops() bool { return w.near.A != w.far.A }

// A route is how two ends of a channel came to be where they are. What holds for channels must hold whatever the route.
type route struct {
	name string
	make func(t *T, limits engine.Limits) way
	// within: both ends are in this process, and nothing stands between them.
	within bool
}

func routes(t *T) []route {
	all := []route{
		{"opened", func(t *T, limits engine.Limits) way {
			l := t.connect(limits)
			s, r := channel[note](t, l.A, l.B)
			return way{s: s, r: r, from: l.A, to: l.B, near: l, far: l}
		}, false},
		{"openedByTheListener", func(t *T, limits engine.Limits) way {
			l := t.connect(limits)
			s, r := channel[note](t, l.B, l.A)
			return way{s: s, r: r, from: l.B, to: l.A, near: l, far: l}
		}, false},
		{"senderGiven", func(t *T, limits engine.Limits) way {
			l := t.connect(limits)
			r, s := engine.Pipe[note]()
			got := pass(t, l.A, l.B, &parcel{Reply: s})
			return way{s: got.Reply, r: r, from: l.B, to: l.A, near: l, far: l}
		}, false},
		{"receiverGiven", func(t *T, limits engine.Limits) way {
			l := t.connect(limits)
			r, s := engine.Pipe[note]()
			got := pass(t, l.A, l.B, &parcel{Feed: r})
			return way{s: s, r: got.Feed, from: l.A, to: l.B, near: l, far: l}
		}, false},
		{"senderForwarded", func(t *T, limits engine.Limits) way {
			l1, l2 := t.connect(limits), t.connect(limits)
			r, s := engine.Pipe[note]()
			got := pass(t, l2.A, l2.B, pass(t, l1.A, l1.B, &parcel{Reply: s}))
			return way{s: got.Reply, r: r, from: l2.B, to: l1.A, near: l2, far: l1}
		}, false},
		{"receiverForwarded", func(t *T, limits engine.Limits) way {
			l1, l2 := t.connect(limits), t.connect(limits)
			r, s := engine.Pipe[note]()
			got := pass(t, l2.A, l2.B, pass(t, l1.A, l1.B, &parcel{Feed: r}))
			return way{s: s, r: got.Feed, from: l1.A, to: l2.B, near: l1, far: l2}
		}, false},
		{"within", func(*T, engine.Limits) way {
			r, s := engine.Pipe[note]()
			return way{s: s, r: r}
		}, true},
		{"senderCameHome", func(t *T, limits engine.Limits) way {
			l := t.connect(limits)
			r, s := engine.Pipe[note]()
			s = pass(t, l.B, l.A, pass(t, l.A, l.B, &parcel{Reply: s})).Reply
			return way{s: s, r: r}
		}, true},
		{"receiverCameHome", func(t *T, limits engine.Limits) way {
			l := t.connect(limits)
			r, s := engine.Pipe[note]()
			r = pass(t, l.B, l.A, pass(t, l.A, l.B, &parcel{Feed: r})).Feed
			sendNumbers(t, s, 0, 1) // by then they are joined
			wantNumbers(t, r, 0, 1)
			return way{s: s, r: r}
		}, true},
	}
	if t.tr.Lanes {
		all = append(all, route{name: "lane", make: func(t *T, limits engine.Limits) way {
			l := t.connect(limits)
			accepted := result(func() engine.Receiver[note] {
				r, err := engine.Accept[note](t.ctx, l.B, "x")
				if err != nil {
					t.Error(err)
				}
				return r
			})
			s, err := engine.OpenLane[note](t.ctx, l.A, "x", nil)
			t.check(err)
			return way{s: s, r: get(t, accepted), from: l.A, to: l.B, near: l, far: l, lane: true}
		}})
	}
	return all
}

// onRoutes runs f on every route.
func (t *T) onRoutes(f func(t *T, w way)) {
	t.onRoutesWith(engine.Limits{}, f)
}

func (t *T) onRoutesWith(limits engine.Limits, f func(t *T, w way)) {
	for _, r := range routes(t) {
		t.sub(r.name, func(t *T) { f(t, r.make(t, limits)) })
	}
}

// onLinks runs f on every route that leaves the process.
func (t *T) onLinks(f func(t *T, w way)) {
	for _, r := range routes(t) {
		if !r.within {
			t.sub(r.name, func(t *T) { f(t, r.make(t, engine.Limits{})) })
		}
	}
}
