package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/gateway"
)

type gatewayConnectCmd struct {
	remoteFlags
	Listen   []string `required:"" sep:"none" placeholder:"NAME=ADDRESS" help:"Open the offer of that name for whoever connects here: host:port or unix:/path. May be given more than once."`
	Wait     bool     `help:"Wait for the gateway if it cannot be reached at the start, and try again until it can."`
	MaxConns int      `default:"1024" placeholder:"N" help:"Connections of each --listen that may be open; further ones wait. Default: 1024."`
	daemonFlags
}

// Help is the long help.
func (gatewayConnectCmd) Help() string {
	return `Serves until Ctrl-C, which resets what is open, prints the counters and exits with 0. A second one ends it at once.

Each connection is opened on one session to the gateway, which is made anew when it has ended. A client is reset if the gateway
cannot be reached, refuses, or does not reach the endpoint, and if its connection breaks behind the gateway; the log says why. A
connection that the gateway has handed over goes to the endpoint directly, and goes on if the gateway ends.

JSON: an object with offers, an array of objects with name, open, total, handed_over, failed, sent and received (bytes).

Examples:

  corechan gateway connect --remote shm:///run/gw.sock --listen redis=127.0.0.1:6380
  corechan gateway connect --remote tls://db.example:7000 --tls-ca ca.pem --token-file token \
      --listen pg=unix:/tmp/.s.PGSQL.5432 --listen redis=127.0.0.1:6380`
}

// A localPort is where an offer is opened.
type localPort struct{ offer, network, address string }

func (c *gatewayConnectCmd) ports() ([]localPort, error) {
	ports := make([]localPort, 0, len(c.Listen))
	for _, text := range c.Listen {
		offer, address, ok := strings.Cut(text, "=")
		p := localPort{offer, "tcp", address}
		if path, unix := strings.CutPrefix(address, "unix:"); unix {
			p.network, p.address = "unix", path
		} else if _, _, err := net.SplitHostPort(address); err != nil {
			ok = false
		}
		if !ok || offer == "" || p.address == "" {
			return nil, fmt.Errorf("%w: --listen %q: write NAME=host:port, or NAME=unix:/path", errUsage, text)
		}
		ports = append(ports, p)
	}
	return ports, nil
}

// Run serves until a.ctx is done.
func (c *gatewayConnectCmd) Run(a *app) error {
	ports, err := c.ports()
	if err != nil {
		return err
	}
	if c.MaxConns < 1 {
		return fmt.Errorf("%w: --max-conns %d; give at least 1", errUsage, c.MaxConns)
	}
	token, err := c.token()
	if err != nil {
		return err
	}
	log := c.logger(a)
	eng, shutdown, err := newEngine(log)
	if err != nil {
		return err
	}
	defer shutdown()
	o, err := c.options(eng, token)
	if err != nil {
		return err
	}
	n, err := gateway.NewConnector(&gateway.ConnectorConfig{
		Session:  c.sessions(a, o, log),
		Token:    token,
		MaxConns: c.MaxConns,
		Logger:   log,
	})
	if err != nil {
		return err
	}
	defer n.Close()
	if err := n.Connect(a.ctx); err != nil {
		if a.ctx.Err() != nil {
			return nil
		}
		return err
	}
	var listeners []net.Listener
	for _, p := range ports {
		ln, err := listenLocal(p)
		if err != nil {
			for _, ln := range listeners {
				_ = ln.Close()
			}
			return err
		}
		listeners = append(listeners, ln)
		fmt.Fprintf(a.stderr, "%s leads to %s at %s\n", ln.Addr(), p.offer, c.Remote)
	}
	err = connectAll(a.ctx, n, ports, listeners)
	_ = n.Close()
	if c.JSON {
		return errors.Join(err, printConnectedJSON(a.stdout, n.Stats()))
	}
	printConnected(a.stdout, n.Stats())
	return err
}

// sessions returns what makes sessions: the first one by trying until it can, with --wait.
func (c *gatewayConnectCmd) sessions(a *app, o *transports.Options, log *slog.Logger) func(ctx context.Context) (*engine.Session, error) {
	first := *o
	if c.Wait {
		first.Retry = &transports.Retry{}
	}
	options := &first
	return func(ctx context.Context) (*engine.Session, error) {
		sess, err := transports.Dial(ctx, c.Remote, options)
		if err == nil {
			options = o
			log.Info("connected", "gateway", c.Remote)
		}
		return sess, err
	}
}

// connectAll serves all listeners until ctx is done. The end of one is the end of all.
func connectAll(ctx context.Context, n *gateway.Connector, ports []localPort, listeners []net.Listener) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for i, ln := range listeners {
		all.Go(func() {
			err := n.Serve(inner, ln, ports[i].offer)
			if err == nil {
				err = fmt.Errorf("%s was closed", ln.Addr())
			}
			cancel(err)
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return nil // as it should end
	}
	return context.Cause(inner)
}

// listenLocal listens at an address. A unix socket that a process has left behind is replaced.
func listenLocal(p localPort) (net.Listener, error) {
	ln, err := net.Listen(p.network, p.address)
	if p.network != "unix" || !errors.Is(err, syscall.EADDRINUSE) {
		return ln, err
	}
	c, derr := net.Dial(p.network, p.address)
	if derr == nil {
		_ = c.Close()
	}
	if !errors.Is(derr, syscall.ECONNREFUSED) { // it is served, or no socket
		return nil, err
	}
	if err := os.Remove(p.address); err != nil {
		return nil, err
	}
	return net.Listen(p.network, p.address)
}
