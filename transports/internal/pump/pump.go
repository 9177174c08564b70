package pump

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

const (
	// Linger bounds how long after the end of the session, or of the peer's, the stream is kept for what is still under way.
	Linger = 5 * time.Second
	// chunk bounds what is read or written at once, in bytes, so that both sides work at the same time.
	chunk = 128 << 10
)

// A Stream is what a pump works on. Read is called by the reader, Write and CloseWrite by the writer, Abort by anybody.
type Stream struct {
	// Read is that of an io.Reader.
	Read func(p []byte) (int, error)
	// Yield has whoever waits for what came go on before the next Read: for a Read that begins with a system call, which would
	// keep it waiting where there is one processor.
	Yield bool
	// Write writes all of p, and sees to it that it leaves at once. nil: the library calls Pump.Read instead.
	Write func(p []byte) error
	// Room, if set, reports whether a Write of some KiB would return at once: then it may be called by who publishes.
	Room func() bool
	// CloseWrite tells the peer that nothing follows. It is called behind the last Write, once, unless the stream has failed.
	CloseWrite func()
	// Abort ends both directions: Read and Write return. It is called once, at last; it does not block.
	Abort func()
}

// A Pump moves bytes between a session's rings and a stream.
type Pump struct {
	link    *engine.Link
	session *engine.Session     // set by Start
	bell    *engine.ProcessBell // the pump's; the session's is its peer
	stream  Stream
	fences  atomic.Uint64

	// The reader's.
	in       *ring.Inlet
	inWaits  atomic.Bool // for space: nothing is read
	inWake   chan struct{}
	received atomic.Uint64

	// The writer's.
	out      *ring.Outlet // under writing
	outWake  chan struct{}
	writing  sync.Mutex
	written  bool  // the writer is done; under writing
	writeErr error // of writeHere; under writing
	roomy    atomic.Bool
	pull     pull

	shut   atomic.Bool // the session has ended
	ended  atomic.Bool // the peer has, or the stream has failed
	closed chan struct{}

	aborted sync.Once

	mu      sync.Mutex
	running int // reader and writer
	linger  *time.Timer
	err     error

	memory memory
}

// memory is freed when the last of its users is done: session, reader and writer.
type memory struct {
	users              atomic.Int32
	incoming, outgoing *ring.Segment
}

func (m *memory) release() {
	if m.users.Add(-1) == 0 {
		_ = m.incoming.Close()
		_ = m.outgoing.Close()
	}
}

// New makes a pump and its link, whose Producer, Consumer, Bell, Flush, NoSpin, Close and MaxRecord are set. The ring for what comes is as
// large as that for what the session sends, which o describes.
//
// When a session was made of the link, Start is to be called, and else Discard.
func New(o *ring.Options) (*Pump, error) {
	incoming, err := ring.NewPrivate(o)
	if err != nil {
		return nil, err
	}
	outgoing, err := ring.NewPrivate(o)
	if err != nil {
		_ = incoming.Close()
		return nil, err
	}
	sessions, own := engine.NewBells()
	p := &Pump{
		bell: own,
		in:   ring.NewInlet(incoming, engine.HeaderSize), inWake: make(chan struct{}, 1),
		out: ring.NewOutlet(outgoing), outWake: make(chan struct{}, 1),
		closed: make(chan struct{}), running: 2,
	}
	p.memory.incoming, p.memory.outgoing = incoming, outgoing
	p.memory.users.Store(3)
	release := sync.OnceFunc(p.memory.release)
	p.link = &engine.Link{
		Producer: ring.NewProducer(outgoing, outgoing), Consumer: ring.NewConsumer(incoming, incoming),
		Bell: &bell{sessions, p}, MaxRecord: outgoing.MaxRecord(),
		Flush:  func() {}, // the writer is at it
		NoSpin: true,
		Close:  func() error { release(); return nil },
	}
	return p, nil
}

// Link returns the link, for the caller to complete and to make a session of.
func (p *Pump) Link() *engine.Link { return p.link }

// Start begins to move bytes between the session that was made of the link and a stream, which is the pump's from then on.
func (p *Pump) Start(s *engine.Session, stream Stream) {
	p.stream, p.session = stream, s
	p.link.Bell.(*bell).OnGone(func() {
		if err := p.Err(); err != nil {
			s.PeerGoneBecause(err)
		} else {
			s.PeerGone()
		}
	})
	p.bell.OnGone(p.sessionOver)
	if stream.Write != nil {
		go p.write()
	}
	p.roomy.Store(stream.Room != nil)
	go p.read()
}

// Discard frees what Start was not called for.
func (p *Pump) Discard() {
	_ = p.Close() // for the writer
	p.memory.release()
	_ = p.link.Close()
}

// Closed is closed when the stream is not used any more.
func (p *Pump) Closed() <-chan struct{} { return p.closed }

// Err returns what ended the stream, once Closed is closed; nil if one of the sides did, in order.
func (p *Pump) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Sent returns how many bytes the session has published, Received how many have come. They may be called while the session
// has not ended.
func (p *Pump) Sent() uint64     { return p.link.Producer.Tail() }
func (p *Pump) Received() uint64 { return p.received.Load() }

// Reading reports whether what comes is read: it is not while the session's ring is full.
func (p *Pump) Reading() bool { return !p.inWaits.Load() }

// Fail ends the stream with an error.
func (p *Pump) Fail(err error) { p.streamOver(err) }

// finished is called by reader and writer when they are done.
func (p *Pump) finished() {
	p.memory.release()
	p.mu.Lock()
	p.running--
	over := p.running == 0
	if over && p.linger != nil {
		p.linger.Stop()
	}
	p.mu.Unlock()
	if over {
		p.abort()
		close(p.closed)
	}
}

// abort has everything that waits on the stream return. Nothing of it runs any more when it returns, whoever began it.
func (p *Pump) abort() { p.aborted.Do(p.stream.Abort) }

// lingerOn gives the stream time to come to its end.
func (p *Pump) lingerOn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.linger == nil && p.running != 0 {
		p.linger = time.AfterFunc(Linger, p.abort)
	}
}

// sessionOver is called when the session has ended.
func (p *Pump) sessionOver() {
	p.shut.Store(true)
	p.lingerOn()
	wake(p.outWake)
	wake(p.inWake)
}

// streamOver is called with the error that ended the stream: io.EOF if it was the peer. The session learns that the peer is
// gone. What the session's own end has brought about is no error.
func (p *Pump) streamOver(err error) {
	inOrder := errors.Is(err, io.EOF) || p.shut.Load()
	if !inOrder {
		p.note(err)
	}
	p.ended.Store(true)
	if err := p.Err(); err != nil && p.session != nil {
		p.session.PeerGoneBecause(err) // before the bell, which knows no reason, wakes who waits
	}
	p.bell.Shutdown()
	if inOrder {
		p.lingerOn()
	} else {
		p.abort()
	}
	wake(p.outWake)
}

// note keeps the first error.
func (p *Pump) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

// fence stands between publishing or releasing and MustRing.
func (p *Pump) fence() { p.fences.Add(1) }

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// A bell is the session's.
type bell struct {
	*engine.ProcessBell
	p *Pump
}

// Ring implements engine.Bell: the session has published or released something.
func (b *bell) Ring() {
	if !b.p.writeHere() {
		wake(b.p.outWake)
	}
	if b.p.inWaits.Load() {
		wake(b.p.inWake)
	}
}
