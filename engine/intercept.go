package engine

import "context"

// An Interceptor sees what passes through an engine's sessions: see Config.Interceptors. Each field may be nil. Where none is set
// for sending, or receiving, messages take the path that they always take.
//
// Open sees every channel that has a name, lanes too, whatever is sent on it. Send and Receive see messages as values: by Send,
// Receive, Call, Select, Merge, All, Serve, handlers, and the answers of Calls. They do not see
//
//   - slots and leases (Reserve, Commit, Lease): such a message is its bytes, written and read in place, and has no header; nothing
//     stands in between, which is what they are for;
//   - the pieces of byte streams, which mean nothing one by one;
//   - what a hop, or Copy between channels of one codec, passes on without decoding it; the processes at the ends see it;
//   - what does not leave the process through a Pipe.
//
// All of these but the last are counted: see Session.Channels.
//
// The functions are called by the goroutine that opens, accepts, sends or receives, several at once; they must not use the
// channel themselves.
type Interceptor struct {
	// Open is called for each channel that is opened by name, before it is; and for each that is accepted, before Accept
	// returns it. An error refuses it: Open and Accept return it, and the peer gets its text.
	Open func(ctx context.Context, o *Opening) error
	// Send is called before a message is encoded. An error is Send's.
	Send func(ctx context.Context, m *Passing) error
	// Receive is called after a message was decoded. An error is Receive's: the message is lost, what it carries is refused,
	// and the channel goes on. With Handle and Serve it ends the channel, as an error of the handler does.
	Receive func(ctx context.Context, m *Passing) error
}

// An Opening is a channel that is being opened or accepted.
type Opening struct {
	Session *Session
	Name    string
	// Header travels with the opening: to be changed where it is not Accepted.
	Header Header
	// Accepted says that the peer opened it.
	Accepted bool
}

// A Passing is a message on its way.
type Passing struct {
	Session *Session
	// Channel is the name that the channel was opened with, empty if it came in a message.
	Channel string
	// Message is a pointer to the message.
	Message any
	// Header travels with the message: to be changed when it is sent.
	Header Header
}

// session returns the session that the port belongs to, nil if there is none.
func (p *port) session() *Session {
	switch o := p.owner.(type) {
	case *Session:
		return o
	case *laneOwner:
		return o.s
	}
	return nil
}

func (e *Engine) interceptOpen(ctx context.Context, o *Opening) error {
	for i := range e.cfg.Interceptors {
		if f := e.cfg.Interceptors[i].Open; f != nil {
			if err := f(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// interceptSend returns the header that the message is sent with.
func (s *sendEnd) interceptSend(ctx context.Context, v any, h Header) (Header, error) {
	sess := s.p.session()
	m := Passing{Session: sess, Channel: s.name, Message: v, Header: h}
	if h == nil {
		m.Header = Header{}
	}
	for i := range sess.eng.cfg.Interceptors {
		if f := sess.eng.cfg.Interceptors[i].Send; f != nil {
			if err := f(ctx, &m); err != nil {
				return nil, err
			}
		}
	}
	return m.Header, nil
}

func (r *recvEnd) interceptReceive(ctx context.Context, v any, h Header) error {
	sess := r.p.session()
	m := Passing{Session: sess, Channel: r.name, Message: v, Header: h}
	for i := range sess.eng.cfg.Interceptors {
		if f := sess.eng.cfg.Interceptors[i].Receive; f != nil {
			if err := f(ctx, &m); err != nil {
				r.enc.refuse(v)
				return err
			}
		}
	}
	return nil
}
