package inmem

import (
	"errors"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
)

// lanes implements engine.Lanes: what is given to the peer are the segments themselves.
type lanes struct {
	barrier func() // the session's
}

// A half is what one side gives of a lane.
type half struct {
	segment *ring.Segment
	bell    *engine.ProcessBell // the receiver's
}

// Close implements engine.Attachment: the other side sees its bell's peer shut down.
func (h *half) Close() error {
	if h.bell != nil {
		h.bell.Shutdown()
	}
	return nil
}

var errAttachment = errors.New("inmem: not a lane")

func (l lanes) Offer(o *ring.Options) (engine.LaneOffer, []engine.Attachment, error) {
	own, err := ring.NewHeap(o)
	if err != nil {
		return nil, nil, err
	}
	bell, peer := engine.NewBells()
	return &offer{own: own, bell: bell, barrier: l.barrier}, []engine.Attachment{&half{own, peer}}, nil
}

func (l lanes) Accept(list []engine.Attachment) (*engine.Link, []engine.Attachment, error) {
	if len(list) != 1 {
		return nil, nil, errAttachment
	}
	h, ok := list[0].(*half)
	if !ok || h.bell == nil {
		return nil, nil, errAttachment
	}
	own, err := ring.NewHeap(&ring.Options{Capacity: ring.MinCapacity})
	if err != nil {
		return nil, nil, err
	}
	return newLink(own, h.segment, h.bell, l.barrier), []engine.Attachment{&half{segment: own}}, nil
}

// An offer implements engine.LaneOffer.
type offer struct {
	own     *ring.Segment
	bell    *engine.ProcessBell
	barrier func()
}

func (o *offer) Complete(answer []engine.Attachment) (*engine.Link, error) {
	if len(answer) != 1 {
		return nil, errAttachment
	}
	h, ok := answer[0].(*half)
	if !ok {
		return nil, errAttachment
	}
	return newLink(o.own, h.segment, o.bell, o.barrier), nil
}

func (o *offer) Close() error {
	o.bell.Shutdown()
	return nil
}
