package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/corechan/corechan/engine"
)

// The lines of the log: one of these for each connection that was asked for.
const (
	lineEnded   = "connection ended"
	lineRefused = "connection refused"
)

// refused counts a connection that was not opened, and logs it.
func (c *connection) refused(e *OpenError) {
	if c.offer != nil {
		if errors.Is(e.Err, ErrUpstream) {
			c.offer.failed.Add(1)
		} else {
			c.offer.refused.Add(1)
		}
	}
	reason := e.Err.Error()
	if e.Text != "" {
		reason += ": " + e.Text
	}
	c.log(slog.LevelWarn, lineRefused, slog.String("reason", reason))
}

// ended logs a connection that is over. nil: both directions came to a clean end.
func (c *connection) ended(err error) {
	reason := "closed"
	if err != nil {
		reason = err.Error()
	}
	attrs := []slog.Attr{slog.Bool("handed_over", c.handed)}
	if c.side {
		attrs = append(attrs, slog.Bool("side", true))
	}
	if c.sent >= 0 {
		attrs = append(attrs, slog.Int64("sent", c.sent), slog.Int64("received", c.received))
	}
	c.log(slog.LevelInfo, lineEnded, append(attrs, slog.String("reason", reason))...)
}

func (c *connection) log(level slog.Level, line string, more ...slog.Attr) {
	attrs := []slog.Attr{slog.String("offer", c.name), slog.String("peer", who(c.sess))}
	if c.offer != nil {
		attrs = append(attrs, slog.String("upstream", c.offer.Upstream))
	}
	attrs = append(attrs, slog.Duration("duration", time.Since(c.began).Round(time.Microsecond)))
	c.g.log.LogAttrs(context.Background(), level, line, append(attrs, more...)...)
}

// who names a session's peer by what is known of it.
func who(sess *engine.Session) string {
	p := sess.Peer()
	if p.Local {
		return fmt.Sprintf("uid %d, pid %d, %s", p.Cred.UID, p.Cred.PID, p.Addr)
	}
	if names := certNames(p); len(names) != 0 {
		return fmt.Sprintf("%q, %s", names, p.Addr)
	}
	return p.Addr
}
