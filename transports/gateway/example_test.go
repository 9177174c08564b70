package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/gateway"
)

// A gateway offers a server that knows nothing of it; a peer on the same machine gets a connection to that server itself.
func Example() {
	ctx := context.Background()
	clock, err := net.Listen("tcp", "127.0.0.1:0") // any server
	if err != nil {
		panic(err)
	}
	defer clock.Close()
	go func() {
		c, _ := clock.Accept()
		_, _ = io.WriteString(c, "five to twelve")
		_ = c.Close()
	}()

	g, err := gateway.New(&gateway.Config{Offers: []gateway.Offer{{Name: "clock", Upstream: clock.Addr().String()}}})
	if err != nil {
		panic(err)
	}
	defer g.Close()
	ln, err := transports.Listen(ctx, "shm://@gateway-example", nil)
	if err != nil {
		panic(err)
	}
	defer ln.Close()
	go func() { _ = g.Serve(ctx, ln) }()

	sess, err := transports.Dial(ctx, "shm://@gateway-example", nil)
	if err != nil {
		panic(err)
	}
	defer sess.Close()
	conn, err := gateway.Dial(ctx, sess, "clock")
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	time, _ := io.ReadAll(conn)
	fmt.Printf("%T says %s\n", conn, time)
	_, err = gateway.Dial(ctx, sess, "calendar")
	fmt.Println(err)
	// Output:
	// *net.TCPConn says five to twelve
	// gateway: open "calendar": no such offer: there are: clock
}
