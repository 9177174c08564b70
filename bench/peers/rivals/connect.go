package rivals

import (
	"context"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/corechan/corechan/bench/peers/echo/echopb"
	"github.com/corechan/corechan/bench/peers/echo/echopb/echopbconnect"
	"github.com/corechan/corechan/bench/peers/peer"
)

// connect-go over net/http's HTTP/2 without TLS.

func connects() (all []peer.Entry) {
	for _, unary := range []bool{false, true} {
		name := "connect-go stream"
		if unary {
			name = "connect-go unary"
		}
		all = append(all, peer.Entry{
			Name: name, Network: "tcp", Module: "connectrpc.com/connect",
			Settings: "HTTP/2 without TLS, no compression, windows of 16 MiB, generated protobuf code",
			New:      func(c peer.Case) (peer.Peer, error) { return &connectPeer{unary: unary, size: c.Size}, nil },
		})
	}
	return all
}

type connectPeer struct {
	unary  bool
	size   int
	server *http.Server
}

// h2c is HTTP/2 without TLS.
func h2c() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

func http2Config() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxReceiveBufferPerConnection: grpcWindow, MaxReceiveBufferPerStream: grpcWindow, MaxReadFrameSize: 1 << 20,
	}
}

func (p *connectPeer) Serve(ctx context.Context, addr string) (string, error) {
	l, err := listen(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.Handle(echopbconnect.NewEchoHandler(p, connect.WithCompression("gzip", nil, nil)))
	p.server = &http.Server{Handler: mux, Protocols: h2c(), HTTP2: http2Config(), ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(l) }()
	return l.Addr().String(), nil
}

// Call answers one message.
func (p *connectPeer) Call(_ context.Context, in *connect.Request[echopb.Packet]) (*connect.Response[echopb.Packet], error) {
	if _, err := peer.Check(in.Msg.Body, p.size); err != nil {
		return nil, err
	}
	return connect.NewResponse(in.Msg), nil
}

// Talk checks and answers what comes on a stream.
func (p *connectPeer) Talk(_ context.Context, s *connect.BidiStream[echopb.Packet, echopb.Packet]) error {
	return echoStream(p.size, s.Receive, s.Send)
}

func (p *connectPeer) Dial(ctx context.Context, addr string) (peer.Conn, error) {
	transport := &http.Transport{ // one connection each
		Protocols: h2c(), HTTP2: http2Config(), DisableCompression: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) { return dial(ctx, network, addr) },
	}
	hangUp := func() error {
		transport.CloseIdleConnections()
		return nil
	}
	client := echopbconnect.NewEchoClient(&http.Client{Transport: transport}, "http://"+addr, connect.WithAcceptCompression("gzip", nil, nil))
	if p.unary {
		call := func(ctx context.Context, in *echopb.Packet) (*echopb.Packet, error) {
			out, err := client.Call(ctx, connect.NewRequest(in))
			if err != nil {
				return nil, err
			}
			return out.Msg, nil
		}
		return &protoCaller{call, hangUp}, nil
	}
	s := client.Talk(context.WithoutCancel(ctx))
	return &protoStream{s.Send, s.Receive, hangUp}, nil
}

func (p *connectPeer) Close() error { return p.server.Close() }
