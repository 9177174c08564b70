package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/corechan/corechan/engine"
)

// Serve accepts connections on ln and opens the offer for each, until ln is closed, ctx is done or the Connector is closed: it
// returns nil, ctx's error or ErrClosed, after it has closed ln and reset what was open.
//
// A connection for which nothing can be opened is reset.
func (n *Connector) Serve(ctx context.Context, ln net.Listener, offer string) error {
	defer ln.Close()
	stats, err := n.begin(offer)
	if err != nil {
		return err
	}
	defer n.all.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(n.ctx, func() { cancel(ErrClosed) })()
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	var conns sync.WaitGroup
	defer conns.Wait()
	slots := make(chan struct{}, n.c.MaxConns)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		client, err := accept(ctx, ln)
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = client.Close()
			}
			return context.Cause(ctx)
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("gateway: %w", err)
		}
		conns.Go(func() {
			defer func() { <-slots }()
			n.connect(ctx, client, offer, stats)
		})
	}
}

// accept accepts a connection. It tries again where that is of use: when descriptors are short, or a client was gone before.
func accept(ctx context.Context, ln net.Listener) (net.Conn, error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		conn, err := ln.Accept()
		if !passing(err) {
			return conn, err
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

// passing reports whether an error of accept(2) says nothing about the next connection.
func passing(err error) bool {
	return slices.ContainsFunc([]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED},
		func(e error) bool { return errors.Is(err, e) })
}

func (n *Connector) begin(offer string) (*connectorStats, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, ErrClosed
	}
	n.all.Add(1)
	s := n.stats[offer]
	if s == nil {
		s = new(connectorStats)
		n.stats[offer] = s
		n.order = append(n.order, offer)
	}
	return s, nil
}

// connect opens the offer for a client, and moves bytes until both directions have ended.
func (n *Connector) connect(ctx context.Context, client net.Conn, offer string, stats *connectorStats) {
	began := time.Now()
	stats.open.Add(1)
	defer stats.open.Add(-1)
	upstream, last, err := n.dial(ctx, offer, true)
	if err != nil {
		stats.failed.Add(1)
		reset(client, err)
		n.log.Warn("connection failed", "offer", offer, "client", client.RemoteAddr(), "reason", err)
		return
	}
	stats.total.Add(1)
	handed := isKernel(upstream) && last != (engine.Sender[report]{})
	if handed {
		stats.handedOver.Add(1)
	}
	r := &relay{client: client, upstream: upstream}
	r.sent.total, r.received.total = &stats.sent, &stats.received
	err = r.run(ctx)
	rep := report{Sent: r.sent.own.Load(), Received: r.received.own.Load()}
	reason := "closed"
	if err != nil {
		reason = err.Error()
		rep.Reason = reason
	}
	if handed {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = last.SendWith(ctx, &rep, &engine.SendOptions{Last: true}) // the gateway may be gone
		cancel()
	}
	_ = last.Close()
	n.log.Info("connection ended", "offer", offer, "client", client.RemoteAddr(), "handed_over", handed, "sent", rep.Sent,
		"received", rep.Received, "duration", time.Since(began).Round(time.Microsecond), "reason", reason)
}
