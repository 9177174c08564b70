package wire

import "github.com/corechan/corechan/engine"

// placed is where the last bytes of a large frame go, if whoever waits for it knows that when its beginning has come. The frame's own
// place in the ring stays free meanwhile:
//
//	socket ──read──> │ header, head │         ──read──> tail, in the receiver's memory
//	ring:            │ header, head │ (tail's place) │ padding │
type placed struct {
	frame []byte // the whole frame's place in the ring
	tail  []byte // nil: nothing is placed
	got   int    // how much of tail has come
}

const (
	// leastRest is how much of a frame has to be under way still.
	leastRest = 32 << 10
	// sip is how much is read where a frame begins and the one before was large: the beginning of the next one, little of which has to be
	// copied then.
	sip = 4 << 10
)

// space returns where the next bytes go, and whether that is elsewhere than the ring.
func (in *inbound) space() (p []byte, elsewhere bool) {
	if d := &in.placed; d.got < len(d.tail) {
		return d.tail[d.got:], true
	}
	p = in.inlet.Space()
	if len(p) > sip && (in.placed.tail != nil || in.placer != nil && in.inlet.Last() >= leastRest && !in.inlet.Part()) {
		p = p[:sip]
	}
	return p, false
}

// place asks whoever polls where the rest of the frame goes of which a part has come.
func (in *inbound) place() {
	if in.placer == nil || in.placed.tail != nil {
		return
	}
	there, length := in.inlet.Begun()
	if length-len(there) < leastRest {
		return
	}
	tail := in.placer.Place(there, length)
	if len(tail) == 0 {
		return
	}
	in.placed = placed{there[:length], tail, copy(tail, there[length-len(tail):])}
}

// placeBy: see engine.Link.
func (b *bell) placeBy(p engine.Placer) {
	in := &b.in
	in.mu.Lock()
	in.placer = p
	in.placed = placed{}
	in.mu.Unlock()
}

// unplace: see engine.Link.
func (b *bell) unplace() {
	in := &b.in
	in.mu.Lock()
	if d := &in.placed; d.tail != nil {
		copy(d.frame[len(d.frame)-len(d.tail):], d.tail[:d.got])
	}
	in.placed = placed{}
	in.mu.Unlock()
}
