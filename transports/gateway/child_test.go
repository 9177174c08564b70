package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/gateway"
)

// childEnv is the URL at which this executable is to serve instead of running the tests, and offerEnv what.
const (
	childEnv = "CORECHAN_GATEWAY_CHILD"
	offerEnv = "CORECHAN_GATEWAY_OFFER"
)

// childServe is a gateway, until standard input ends.
func childServe(url string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o, err := gateway.ParseOffer(os.Getenv(offerEnv))
	if err != nil {
		return err
	}
	g, err := gateway.New(&gateway.Config{Offers: []gateway.Offer{o}})
	if err != nil {
		return err
	}
	ln, err := transports.Listen(ctx, url, nil)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := g.Serve(ctx, ln); !errors.Is(err, context.Canceled) {
		return err
	}
	return g.Close()
}

// startGateway starts a gateway in a process of its own, and returns what kills it.
func startGateway(t *testing.T, url, offer string) (kill func()) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"="+url, offerEnv+"="+offer, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, out := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
	check(t, cmd.Start())
	over := false
	kill = func() {
		if !over {
			over = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			_ = in.Close()
		}
	}
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the gateway says %q, %v", line, err)
	}
	return kill
}

// dialer returns what makes a Connector's sessions.
func dialer(t *testing.T, url string) func(ctx context.Context) (*engine.Session, error) {
	eng := newEngine(t, engine.Config{})
	return func(ctx context.Context) (*engine.Session, error) {
		return transports.Dial(ctx, url, &transports.Options{Engine: eng})
	}
}

// TestAGatewayThatIsKilled has connections that were handed over go on, others reset, and the next ones go to its successor.
func TestAGatewayThatIsKilled(t *testing.T) {
	for _, proxied := range []bool{false, true} {
		t.Run(fmt.Sprintf("proxied=%t", proxied), func(t *testing.T) {
			residue(t)
			b := upstream(t, "tcp", echo)
			u, offer := url("shm"), "echo="+b.ln.Addr().String()
			if proxied {
				offer += ",proxied"
			}
			kill := startGateway(t, u, offer)
			s := &served{t: t, log: new(logs)}
			n := must(gateway.NewConnector(&gateway.ConnectorConfig{Session: dialer(t, u)}))
			addr := s.listen(n, "tcp", "echo")
			check(t, n.Connect(watchdog(t)))
			c := netDial(t, addr)
			roundTrip(t, c, "hello")
			kill()
			if proxied {
				if _, err := c.Read(make([]byte, 1)); !isReset(err) {
					t.Errorf("it reads %v", err)
				}
			} else {
				roundTrip(t, c, "it goes on")
			}
			// Nobody is there: clients are told.
			wantReset(t, addr)
			if st := n.Stats()[0]; st.Failed != 1 || st.Total != 1 {
				t.Errorf("%+v", st)
			}
			startGateway(t, u, offer)
			roundTrip(t, netDial(t, addr), "to the successor")
		})
	}
}

// TestAConnectorWithoutGatewayFailsAtOnce has many clients wait for one attempt, and fail with it.
func TestAConnectorWithoutGatewayFailsAtOnce(t *testing.T) {
	residue(t)
	attempts, going := 0, make(chan struct{})
	n := must(gateway.NewConnector(&gateway.ConnectorConfig{Session: func(context.Context) (*engine.Session, error) {
		attempts++ // one at a time
		<-going
		return nil, errors.New("there is none")
	}}))
	defer n.Close()
	ctx := watchdog(t)
	var all []<-chan error
	for range 50 {
		all = append(all, result(func() error { _, err := n.Dial(ctx, "x"); return err }))
	}
	gone, cancel := context.WithCancel(ctx)
	cancelled := result(func() error { _, err := n.Dial(gone, "x"); return err })
	cancel()
	close(going)
	for _, r := range all {
		var oe *gateway.OpenError
		if err := get(t, r); !errors.As(err, &oe) || oe.Err.Error() != "there is none" {
			t.Error(err)
		}
	}
	if err := get(t, cancelled); err == nil {
		t.Error("it works")
	}
	check(t, n.Close())
	if _, err := n.Dial(ctx, "x"); !errors.Is(err, gateway.ErrClosed) {
		t.Error(err)
	}
	if attempts > 51 {
		t.Errorf("%d attempts", attempts)
	}
	want(t, n.Close(), os.ErrClosed)
}

// TestServeEndsWithItsListener, its context, and its gateway.
func TestServeEndsWithItsListener(t *testing.T) {
	residue(t)
	ctx := watchdog(t)
	b := upstream(t, "tcp", echo)
	g := must(gateway.New(&gateway.Config{Offers: []gateway.Offer{b.offer("x")}}))
	serve := func(ctx context.Context) (u string, stop func() error, over <-chan error) {
		u = url("shm")
		ln := must(transports.Listen(ctx, u, nil))
		t.Cleanup(func() { _ = ln.Close() })
		return u, ln.Close, result(func() error { return g.Serve(ctx, ln) })
	}
	_, stop, over := serve(ctx)
	check(t, stop())
	check(t, get(t, over))

	inner, cancel := context.WithCancel(ctx)
	u, _, over := serve(inner)
	sess := must(transports.Dial(ctx, u, nil))
	defer sess.Close()
	c := must(gateway.Dial(ctx, sess, "x"))
	roundTrip(t, c, "hello")
	cancel()
	want(t, get(t, over), context.Canceled)
	roundTrip(t, c, "handed over")
	_ = c.Close()

	_, _, over = serve(ctx)
	check(t, g.Close())
	want(t, get(t, over), gateway.ErrClosed)
	want(t, g.Close(), os.ErrClosed)
}
