package rivals

import (
	"context"
	"net"
	"os"
	"strings"

	"github.com/corechan/corechan/bench/peers/peer"
)

// Addresses are given by the comparison: of shm and unix the path of a file that is not there yet, of tcp 127.0.0.1:0.

// serveConns accepts connections and serves each with a goroutine, until the listener is closed. It returns the address to dial.
func listen(ctx context.Context, network, addr string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, network, addr)
}

// accept serves each connection of a listener with a goroutine.
func accept(l net.Listener, serve func(net.Conn) error) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // closed
		}
		go func() {
			if err := serve(conn); err != nil && !over(err) {
				peer.Fail(err)
			}
		}()
	}
}

func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// over says whether an error is only that the other side has gone.
func over(err error) bool {
	for _, text := range []string{"EOF", "closed", "reset by peer", "broken pipe", "canceled"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return os.IsTimeout(err)
}
