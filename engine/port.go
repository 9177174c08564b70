package engine

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/netpoll"
	"github.com/corechan/corechan/ring"
)

// A port is one link in use: the producing end of one ring, the consuming end of the other, the bell, and the ends of
// the channels that run over them. A session has one; so has each lane, and a Pipe is one.
//
// There is no goroutine of its own. Whoever waits for something becomes the poller: it takes the rx token, reads
// frames, gives other channels theirs, and goes on until it has what it wants. See poll.go.
//
// Who owns what:
//
//	tx token   prod, and sent/closed of every sendEnd
//	rx token   cons, spin, pinned, and received of every recvEnd
//	mu         the maps, inboxes, ends' errors, due
//
// Lock order: tx or rx token, then mu. Who holds the rx token takes tx only by try.
type port struct {
	owner frameHandler
	link  *Link
	prod  *ring.Producer
	bell  Bell
	// barrier: see Link.Barrier.
	barrier func()
	fences  atomic.Uint32
	stamps  uint32 // whether messages are stamped: see stamp.go. Under the tx token.
	tx      token
	fill    func(look bool) (bool, error) // see Link.Fill

	_    [64]byte // the two directions on lines of their own
	cons *ring.Consumer
	rx   token
	spin spinner
	// placing is what the poller waits for, if the message's last bytes may go to where they belong; else nil. See place.go.
	placing *placing
	// pinned is the record that a lease holds, so that nothing is released; nil if none does.
	pinned *byte
	_      [64]byte

	// unpinned is the record whose lease was released while somebody else had the rx token.
	unpinned atomic.Pointer[byte]
	// attention has a bit for each thing that somebody has to see to; see the att constants. Zero on the fast path.
	attention atomic.Uint32
	// spaceWaits: the holder of the tx token waits for space.
	spaceWaits atomic.Bool
	headSeen   atomic.Uint64 // the head when it began to wait
	space      chan struct{}
	// loop runs the port's handlers, if it has any; then it holds the rx token for good.
	loop   atomic.Pointer[netpoll.Loop]
	nudged atomic.Bool // the loop looks at the port soon: see readon.go
	// mayTearDown: fail is done with the bell.
	mayTearDown atomic.Bool
	// failed is closed when err is set: nothing goes on any more.
	failed chan struct{}

	mu       sync.Mutex
	err      error
	recvs    map[uint32]*recvEnd
	sends    map[uint32]*sendEnd
	homes    map[*recvEnd]struct{} // joined with their Senders: see home.go
	due      []controller          // ends with a control frame to send
	unread   map[*Cargo]time.Time  // see expire.go
	sweeping bool
	tornDown bool

	// wakeable: who sleeps must be wakeable by Interrupt, for there are Senders in this process that came home.
	wakeable atomic.Bool
	open     atomic.Int32 // channels, and lanes of the session whose port this is
	drained  atomic.Pointer[drainCondition]
	// single: the port ends with its one channel. Constant, as intercepted, which says that interceptors see its messages.
	single, intercepted bool
	// bye is the GOAWAY that whoever has the tx token has yet to send.
	bye atomic.Pointer[control]
	// giving is memory for what goes to the bell. Under the tx token.
	giving []Attachment
	// spaceFor is the channel for whose message the holder of the tx token waits, if it is for one. Under the tx token.
	spaceFor *sendEnd
	// handling: a handler runs, and messages for handlers wait in their channels' inboxes; backlog has those channels.
	// Under the rx token.
	handling bool
	backlog  []*recvEnd

	stamped atomic.Bool // what stamps is, for who has no token

	slow slowCounts

	_ [768 - 720]byte // a multiple of 128: no other port on its lines; layout_test.go
}

// The bits of port.attention.
const (
	attControl uint32 = 1 << iota // control frames are due
	attGone                       // the peer is gone: deliver what is in the ring, then fail
	attFailed                     // err is set
	attUnpin                      // the lease was released
	attOver                       // the port's only channel has ended
	attTx                         // the loop, which sleeps for the bell, waits for the tx token
)

// A frameHandler sees to the frames that are not a channel's, and to the port's end.
type frameHandler interface {
	// handleFrame is called with the rx token held. An error is a violation of the protocol and ends the port.
	handleFrame(h header, payload []byte) error
	// portFailed is called once, without locks.
	portFailed(err error)
	// everOpened reports whether a channel is or was open.
	everOpened(id uint32) bool
	// lastWord returns why the peer is gone, once the ring is empty and does not say. Called with the rx token held.
	lastWord(ctx context.Context) error
}

func newPort(l *Link, owner frameHandler, spin spinner) *port {
	p := &port{
		owner: owner, link: l, prod: l.Producer, cons: l.Consumer, bell: l.Bell, spin: spin, barrier: l.Barrier, fill: l.Fill,
		space: make(chan struct{}, 1), failed: make(chan struct{}),
		recvs: map[uint32]*recvEnd{}, sends: map[uint32]*sendEnd{},
	}
	_, p.spin.within = l.Bell.(*ProcessBell)
	p.tx.init()
	p.rx.init()
	if p.fill != nil {
		p.spin.looks, p.spin.rounds = 0, 0 // a look is a system call: spinFor sees to it
	}
	return p
}

// afterArm stands between arming and looking once more.
func (p *port) afterArm() {
	if p.barrier != nil {
		p.barrier() // arming was a full fence of this thread's only
	}
}

// fence is the full fence between publishing or releasing and reading the peer's sleep word, if sleepers do not
// execute it for us.
func (p *port) fence() {
	if p.barrier == nil {
		p.fences.Add(1)
	}
}

// addRecv, addSend, removeRecv and removeSend keep the maps, and count what is open. Called with mu held.
func (p *port) addRecv(r *recvEnd) {
	p.recvs[r.id.Load()] = r
	p.open.Add(1)
}

func (p *port) addSend(s *sendEnd) {
	p.sends[s.id] = s
	p.open.Add(1)
}

func (p *port) removeRecv(r *recvEnd) {
	if id := r.id.Load(); p.recvs[id] == r {
		delete(p.recvs, id)
		p.closedOne()
	}
}

func (p *port) removeSend(s *sendEnd) {
	if p.sends[s.id] == s {
		delete(p.sends, s.id)
		p.closedOne()
	}
}

func (p *port) closedOne() {
	if p.open.Add(-1) == 0 {
		if d := p.drained.Load(); d != nil {
			d.wake()
		}
	}
}

// isOpen reports whether a channel of that id is open now.
func (p *port) isOpen(id uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.recvs[id] != nil || p.sends[id] != nil
}

// attend sets a bit of attention.
func (p *port) attend(bit uint32) { p.attention.Or(bit) }

// failure returns why the port has failed, or nil.
func (p *port) failure() error {
	if p.attention.Load()&attFailed == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// reason is failure for what is not called often: it sees the reason as soon as there is one, before attFailed is set.
func (p *port) reason() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// fail ends everything on the port with err, after what the receivers have in their inboxes. The first call counts.
func (p *port) fail(err error) {
	p.mu.Lock()
	if p.err != nil {
		p.mu.Unlock()
		return
	}
	p.err = err
	p.attend(attFailed)
	for _, ends := range [...]iter.Seq[*recvEnd]{maps.Values(p.recvs), maps.Keys(p.homes)} {
		for r := range ends {
			r.end(err)
			if r.near != nil {
				r.near.end(err)
			}
		}
	}
	for _, s := range p.sends {
		s.end(err)
	}
	clear(p.recvs)
	clear(p.sends)
	clear(p.homes)
	for _, c := range p.due {
		if d, ok := c.(dropper); ok {
			d.drop()
		}
	}
	p.due = nil
	close(p.failed)
	p.mu.Unlock()

	// After attFailed: who is woken by it must see that, also a loop, which is woken once.
	if p.bye.Load() == nil {
		p.bell.Shutdown()
	}
	p.mayTearDown.Store(true) // the bell was needed until here
	p.sayBye()
	p.owner.portFailed(err)
	p.tearDown()
}

// sayBye sends the GOAWAY that is due and hangs up. If somebody has the tx token, that one does it, when it gives the
// token back.
func (p *port) sayBye() {
	switch {
	case p.bye.Load() == nil:
	case p.tx.try():
		p.sayByeLocked()
		p.tx.give()
	default:
		p.bell.Interrupt()
	}
}

// sayByeLocked is sayBye with the tx token held.
func (p *port) sayByeLocked() {
	if bye := p.bye.Swap(nil); bye != nil {
		_ = p.writeFrame(bye) // a ring that is full has no room for it
		p.bell.Shutdown()
	}
}

// kick has the poller look once more at what it waits for, if it sleeps.
func (p *port) kick() {
	if p.rx.isHeld() && p.attention.Load()&attFailed == 0 {
		p.bell.Interrupt()
	}
}

// over says that a channel has ended, from both ends' view.
func (p *port) over() {
	if p.single {
		p.attend(attOver)
	}
}

// peerGone says that the peer has died or hung up. What it published is delivered by whoever polls; then the port fails.
func (p *port) peerGone() {
	p.attend(attGone)
	p.bell.Interrupt()
}

// tearDown frees the link once nobody uses it: the tokens are taken and never given back. Whoever gives a token back on
// a failed port calls it.
func (p *port) tearDown() {
	if !p.mayTearDown.Load() {
		return // fail comes here
	}
	for {
		if !p.rx.try() {
			return
		}
		if at := p.pinned; at != nil && p.unpinned.Load() != at {
			p.rx.give()
			if p.unpinned.Load() != at {
				return // the lease's Release comes here again
			}
			continue // it came while the token was held here
		}
		if p.tx.try() {
			break
		}
		p.rx.give()
		if p.tx.isHeld() {
			return // its holder comes here
		}
	}
	p.mu.Lock()
	done := p.tornDown
	p.tornDown = true
	p.mu.Unlock()
	if done {
		return
	}
	if s := p.session(); s != nil {
		s.eng.tally.leave(p, s)
	}
	p.sayByeLocked()
	_ = p.bell.Close()
	_ = p.link.Close()
}

// giveTx gives the tx token back after frames were published, rings the peer if it sleeps, and sees to what has come up.
func (p *port) giveTx() {
	p.fence()
	if p.prod.MustRing() {
		p.ring()
	}
	p.tx.give() // from here on the port may be torn down, and its memory gone
	if p.attention.Load() != 0 {
		p.attendTo()
	}
}

// giveRx gives the rx token back after frames were released.
func (p *port) giveRx() {
	p.fence()
	if p.cons.MustRing() {
		p.ring()
	}
	p.rx.give() // as in giveTx
	if p.attention.Load() != 0 {
		p.attendTo()
	}
}

// release gives what was read back to the producer, but for what a lease holds. Called with the rx token held.
func (p *port) release() {
	if p.pinned == nil {
		p.cons.Release()
	}
}

// attendTo does what attention asks for and nobody else has done. Called without tokens.
func (p *port) attendTo() {
	a := p.attention.Load()
	if a&attFailed != 0 {
		p.sayBye()
		p.tearDown()
		return
	}
	if a&attOver != 0 {
		p.fail(errClosed)
		return
	}
	if a&attUnpin != 0 && p.rx.try() {
		p.unpin()
		p.giveRx()
		return
	}
	if a&attTx != 0 {
		p.bell.Interrupt()
	}
	if a&attControl != 0 {
		p.flushControl()
	}
}

// unpin ends the lease. Called with the rx token held.
func (p *port) unpin() {
	if p.attention.Load()&attUnpin != 0 {
		p.attention.And(^attUnpin)
		if at := p.unpinned.Swap(nil); at != nil && at == p.pinned {
			p.pinned = nil
			p.cons.Release()
		}
	}
}

// inLoop reports whether the caller is a handler of this port.
func (p *port) inLoop() bool {
	l := p.loop.Load()
	return l != nil && l.InLoop()
}

// violation makes the error of a port whose peer broke the protocol.
func violation(format string, args ...any) error {
	return &ProtocolError{What: fmt.Sprintf(format, args...)}
}

// takeTx takes the tx token, waiting for it as long as ctx allows.
func (p *port) takeTx(ctx context.Context) error {
	if p.inLoop() { // who has the token may wait for what only this thread, the poller, can see
		c := txCondition{p: p}
		p.attend(attTx)
		_, _, err := p.await(ctx, &c, nil)
		p.attention.And(^attTx)
		if err != nil && c.taken {
			p.giveTx()
		}
		return err
	}
	for !p.tx.tryOrWait() {
		select {
		case <-p.tx.freed:
		case <-p.failed:
			return p.failure()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// A txCondition is met when the tx token is the caller's. Only a poller waits for it.
type txCondition struct {
	p     *port
	taken bool
}

func (c *txCondition) met() bool {
	c.taken = c.taken || c.p.tx.tryOrWait()
	return c.taken
}
func (c *txCondition) signal() <-chan struct{} { return nil }
