package gateway

import (
	"context"
	"io"
	"net"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/engine/codec/msgpack"
)

// The names of the channels that a gateway accepts; their messages are msgpack. A channel may be opened with a header
// "authorization", whose value is "Bearer " and a token.
const (
	openName = "corechan.gateway.open"
	listName = "corechan.gateway.list"

	tokenHeader = "authorization"
	tokenScheme = "Bearer "
)

// A request asks for a connection. The answer is one message, or an end with one of the codes.
type request struct {
	Offer  string                  `msg:"offer"`
	Answer engine.Sender[answer]   `msg:"answer"`
	Report engine.Receiver[report] `msg:"report"` // may be zero
	Side   bool                    `msg:"side"`   // an answer with Side in it is of use
}

// An answer is the connection: Conn, or Read and Write, or Side.
type answer struct {
	Conn  net.Conn       `msg:"conn"`  // the upstream's
	Read  io.ReadCloser  `msg:"read"`  // what the upstream sends
	Write io.WriteCloser `msg:"write"` // what it is sent
	Side  []byte         `msg:"side"`  // the ticket of a connection beside the session; or empty
}

// A report is the last word on a connection that was handed over.
type report struct {
	Sent     int64  `msg:"sent"`     // bytes to the upstream
	Received int64  `msg:"received"` // bytes from it
	Reason   string `msg:"reason"`   // why it ended; empty: cleanly
}

// A listRequest asks for the offers that the asking peer may open.
type listRequest struct {
	Answer engine.Sender[listing] `msg:"answer"`
}

type listing struct {
	Offers []OfferStats `msg:"offers"`
}

// OfferStats are the counters of an offer. Bytes of a connection that is handed over are those that its user reported.
type OfferStats struct {
	Name     string `msg:"name" json:"name"`
	Upstream string `msg:"upstream" json:"upstream"`
	// Open is how many connections there are now, Total how many there were with them, HandedOver how many of the total were
	// handed over.
	Open       int64 `msg:"open" json:"open"`
	Total      int64 `msg:"total" json:"total"`
	HandedOver int64 `msg:"handed_over" json:"handed_over"`
	// Refused is how many were refused by rules and limits, Failed how many because the upstream could not be reached.
	Refused int64 `msg:"refused" json:"refused"`
	Failed  int64 `msg:"failed" json:"failed"`
	// Sent and Received are bytes to and from the upstream.
	Sent     int64 `msg:"sent" json:"sent"`
	Received int64 `msg:"received" json:"received"`
}

// ask opens a channel of a gateway, sends one request with a channel for its answer, and waits for that.
func ask[Req, Resp any](ctx context.Context, sess *engine.Session, name, token string, req *Req, reply *engine.Sender[Resp], resp *Resp) error {
	o := &engine.OpenOptions{Codec: msgpack.Codec{}}
	if token != "" {
		o.Header = engine.Header{tokenHeader: tokenScheme + token}
	}
	ch, err := engine.OpenWith[Req](ctx, sess, name, o)
	if err != nil {
		return err
	}
	defer ch.Close()
	return engine.Call(ctx, ch, req, reply, resp)
}
