package engine

import (
	"context"

	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/ring"
)

// A Link is what a transport makes of a connection, and a session is made of: the two ends of a pair of rings, and the
// doorbell between their owners. Transports make links; users have no need to.
type Link struct {
	Producer *ring.Producer
	Consumer *ring.Consumer
	Bell     Bell
	// Barrier, if set, is called by whoever is about to sleep, after arming and before looking once more: it has all
	// threads of both processes pass a full fence, so that publishing and releasing need none. It may be set only if the
	// peer's is too. See package membarrier.
	Barrier func()
	// Fill, if set, moves what has arrived into the consumer's ring, without waiting, and reports whether the ring has
	// records then: for links whose bytes come out of a system call. Whoever has the rx token calls it when the ring is
	// empty. Without look it need not ask the system if Sleep or Drain will. An error ends the session.
	Fill func(look bool) (bool, error)
	// Over, set with Fill, reports whether all that a peer who is gone has sent is in the ring: false while a lease leaves no
	// room for the rest. Whoever has the rx token calls it.
	Over func() bool
	// Flush, if set, writes what the link has held back, as far as that goes without waiting: for links that gather
	// messages. Whoever has the tx token calls it when the ring is full.
	Flush func()
	// Gather, if set, publishes the record that was committed last, of which the bytes from at on, as many as tail has, are still
	// tail's and not in the ring, and sends it from where it is, or copies what does not go that way: for links whose bytes go into a
	// system call. record is what Producer.Unpublished returns. It does not keep tail. It may wait for some milliseconds. Whoever has
	// the tx token calls it.
	Gather func(record []byte, at int, tail []byte)
	// PlaceBy, if set, has p asked where the last bytes of a large frame go once its beginning has come, until it is called with nil: what
	// p returns is read into, and not the frame's place in the ring, also if the frame is whole then. Unplace copies them there, as many as
	// have come, so that it is a frame as any other. Whoever has the rx token calls them. For links whose bytes come out of a system call.
	PlaceBy func(p Placer)
	Unplace func()
	// Cork, if set, has the link hold back what is sent until it is called with false, within one turn of a loop.
	Cork func(bool)
	// Stamps says that both sides know what a stamped message is, and read one clock: that of this machine's kernel.
	Stamps bool
	// NoSpin says that what the ring is filled by are goroutines of this process, whose processor a spin would hold: Hybrid
	// sleeps at once then.
	NoSpin bool
	// Lanes makes rings of their own for channels; nil if the transport has none.
	Lanes Lanes
	// Sides makes connections beside the session; nil if the transport has none.
	Sides Sides
	// Descriptors says that the bell carries descriptors: the peer is on this machine.
	Descriptors bool
	// Close frees the memory of the rings. It is called once, when nobody uses them any more.
	Close func() error

	// Context has the values of the session's context, such as an HTTP request's; nil if there are none.
	Context context.Context
	// Core is the core that the link's packets arrive on, plus 1: handlers best run there. 0: any.
	Core int
	// Dialer says which side of the handshake this is. The dialer's channels have odd ids, the listener's even ones.
	Dialer bool
	// Transport names the transport: "shm".
	Transport string
	// Peer is who is at the other side.
	Peer Peer
	// Window is what this side announced in the handshake, where that is not Limits.Window of the engine; 0: it is.
	Window uint32
	// PeerLimits is what the peer announced in the handshake.
	PeerLimits Announced
	// MaxRecord is the size of the largest frame that the producer's ring holds, in bytes.
	MaxRecord int
}

// A Placer knows where a frame's bytes go.
type Placer interface {
	// Place returns the memory for the last bytes of a frame of so many, the beginning of which is there: all that are not there, at
	// least. nil: they go into the ring.
	Place(there []byte, length int) []byte
}

// Announced is what each side tells the other of its limits in the handshake.
type Announced struct {
	// Window is how many bytes a channel may send before the receiver consumes.
	Window uint32
	// MaxMessage is the size of the largest message that is taken, in bytes.
	MaxMessage uint32
}

// Peer is who is at the other side of a session.
type Peer struct {
	// Cred is the peer's process and user as the kernel knows them, where Local.
	Cred fd.Cred
	// Local says whether the peer runs on this machine and Cred is known.
	Local bool
	// Addr is where it was dialled or accepted.
	Addr string
	// Identity is what else the transport knows of who this is: a *tls.ConnectionState of TLS, whose certificates are
	// verified if the options ask for it, and an *http.Request at the listener's side of HTTP/2 and WebSocket. nil elsewhere.
	Identity any
}

// A Bell wakes the peer and lets itself be woken: the doorbell of package ring. Ring, Interrupt and Shutdown may be called
// by several goroutines at once, Sleep and Take by one at a time.
type Bell interface {
	// Ring wakes the peer. It never blocks.
	Ring()
	// Sleep returns when the peer rings, ctx is done, or after Interrupt or Shutdown; also for no reason. It returns
	// the context's error, or ErrPeerGone if the peer is gone, or nil. Without interruptible, and with a context that
	// cannot be done, Interrupt need not wake it.
	Sleep(ctx context.Context, interruptible bool) error
	// Interrupt lets the current Sleep, or else the next one, return.
	Interrupt()
	// Descriptor returns a descriptor that becomes readable whenever the peer rings or is gone, for an epoll loop; -1 if
	// there is none, and then Notify is what a loop uses.
	Descriptor() int
	// Notify has f called, from any goroutine, whenever the peer rings or is gone.
	Notify(f func())
	// Drain takes the rings that came, without waiting. It returns ErrPeerGone if the peer is gone.
	Drain() error
	// Give hands attachments to the peer, who Takes them in this order. On success they are the bell's; the slice is not kept.
	Give([]Attachment) error
	// Take returns n attachments that the peer gave, for the caller to own. They were given before the frame that
	// speaks of them, so it does not wait: if they are not there, the peer violates the protocol.
	Take(n int) ([]Attachment, error)
	// Gone reports whether the peer is gone, as of now. It may be called by several goroutines at once.
	Gone() bool
	// Shutdown tells the peer that this side is gone, and makes every Sleep return from now on.
	Shutdown()
	// Close frees what the bell holds. Nobody uses it any more.
	Close() error
}

// An Attachment is something other than bytes that travels with a frame: a descriptor between processes.
type Attachment interface{ Close() error }

// Lanes makes links for channels with a ring of their own.
type Lanes interface {
	// Offer makes this side's half and what the peer needs of it.
	Offer(o *ring.Options) (LaneOffer, []Attachment, error)
	// Accept makes a consuming link of a peer's offer, which it owns from then on, and what the peer needs of it.
	Accept(offer []Attachment) (*Link, []Attachment, error)
}

// A LaneOffer is a lane that the peer has not accepted yet.
type LaneOffer interface {
	// Complete makes a producing link with what the peer answered, which it owns from then on.
	Complete(answer []Attachment) (*Link, error)
	// Close gives the offer up.
	Close() error
}
