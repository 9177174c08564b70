package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/gateway"
)

type gatewayServeCmd struct {
	Offer  []string `required:"" sep:"none" placeholder:"NAME=ENDPOINT[,OPTION...]" help:"An endpoint and its rules, as above. May be given more than once."`
	Listen []string `required:"" sep:"none" placeholder:"URL" help:"Where peers connect: ${schemes}. May be given more than once."`
	tlsFlags
	daemonFlags
}

// Help is the long help.
func (gatewayServeCmd) Help() string {
	return `Serves until Ctrl-C, which closes what it has open, prints the counters and exits with 0. A second one ends it at once.

An endpoint is host:port or unix:/path. The gateway dials it for each connection that a peer asks for. A peer on this machine is
given the connected socket itself where the transport can (shm, unix, auto, inmem): its bytes do not pass the gateway, and it goes
on if the gateway ends. For others they travel on the session.

Options of an offer:

  uid=NUMBER             admit this user, of peers on this machine
  cert=NAME              admit this name of a verified certificate; needs --tls-ca
  token-file=FILE        admit who presents one of the tokens in the file, one a line
  anyone                 admit everybody who can connect
  max-conns=NUMBER       connections that may be open; default 1024
  dial-timeout=DURATION  for the endpoint; default 10s
  idle-timeout=DURATION  ends a connection on which nothing moves; default never. The bytes then pass the gateway.
  proxied                have the bytes pass the gateway always

One of uid, cert, token-file and anyone that fits is enough; the first three may be given more than once. Without any, the offer is
for this user on this machine.

The log has a line for each connection when it has ended: offer, peer, upstream, duration, bytes sent and received, reason; and one
for each that was refused. JSON: see "corechan gateway list --help".

Examples:

  corechan gateway serve --offer redis=127.0.0.1:6379 --listen shm:///run/gw.sock
  corechan gateway serve --offer pg=unix:/run/postgresql/.s.PGSQL.5432,uid=1000,max-conns=50 --listen auto:///run/gw.sock
  corechan gateway serve --offer redis=127.0.0.1:6379,cert=web --listen tls://:7000 \
      --tls-cert cert.pem --tls-key key.pem --tls-ca ca.pem
  corechan gateway serve --config gateway.json`
}

// Run serves until a.ctx is done.
func (c *gatewayServeCmd) Run(a *app) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	offers, err := c.offers()
	if err != nil {
		return err
	}
	log := c.logger(a)
	g, err := gateway.New(&gateway.Config{Offers: offers, Logger: log})
	if err != nil {
		return err
	}
	defer g.Close()
	eng, shutdown, err := newEngine(log)
	if err != nil {
		return err
	}
	defer shutdown()
	o := &transports.Options{Engine: eng, TLSFiles: files, Authorize: g.Admits}
	var listeners []*engine.Listener
	defer func() {
		for _, ln := range listeners {
			_ = ln.Close()
		}
	}()
	for _, url := range c.Listen {
		ln, err := transports.Listen(a.ctx, url, o)
		if err != nil {
			return err
		}
		listeners = append(listeners, ln)
		if strings.HasPrefix(ln.Addr(), "tcp://") {
			fmt.Fprintf(a.stderr, "%s is neither encrypted nor authenticated: tokens and bytes can be read on the way\n", ln.Addr())
		}
		for _, offer := range offers {
			fmt.Fprintf(a.stderr, "%s at %s leads to %s\n", offer.Name, ln.Addr(), offer.Upstream)
		}
	}
	err = serveAll(a.ctx, g, listeners)
	_ = g.Close()
	if c.JSON {
		return errors.Join(err, printOffersJSON(a.stdout, g.Stats()))
	}
	printOffers(a.stdout, g.Stats())
	return err
}

// serveAll serves all listeners until ctx is done. The end of one is the end of all.
func serveAll(ctx context.Context, g *gateway.Gateway, listeners []*engine.Listener) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, ln := range listeners {
		all.Go(func() {
			err := g.Serve(inner, ln)
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

func (c *gatewayServeCmd) offers() ([]gateway.Offer, error) {
	offers := make([]gateway.Offer, 0, len(c.Offer))
	for _, text := range c.Offer {
		o, err := gateway.ParseOffer(text)
		if err != nil {
			return nil, err
		}
		if len(o.Rules.Certs) != 0 && c.TLSCA == "" {
			return nil, fmt.Errorf("%w: offer %s admits certificates; give --tls-ca, so that they are asked for", errUsage, o.Name)
		}
		offers = append(offers, o)
	}
	return offers, nil
}
