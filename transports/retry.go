package transports

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/h2"
	"github.com/corechan/corechan/transports/shm"
	"github.com/corechan/corechan/transports/tls"
	"github.com/corechan/corechan/transports/unix"
)

// Retry says how to dial again. The zero value is a good choice. Each wait is between half of and the whole of a time that
// doubles from Min to Max, so that those who lost one server do not come back to it all at once.
type Retry struct {
	// Min and Max bound the time between two attempts. 0 means 50 ms and 5 s.
	Min, Max time.Duration
	// Attempts is how many attempts in a row may fail; 0: any number.
	Attempts int
	// Told is called with what is being done, by the goroutine that dials. nil: only the engine's logger is told.
	Told func(Dialling)
}

// Dialling is what a Retry tells.
type Dialling struct {
	URL     string
	Attempt int           // of those in a row, from 1
	Err     error         // why this attempt failed; nil: it connected
	Wait    time.Duration // until the next one; 0: there is none
}

// Lasting reports whether an error of Dial will be the same next time: an address that cannot be, a peer that refuses, or speaks
// another protocol or version, or a certificate that is not good.
func Lasting(err error) bool {
	for _, passing := range []error{io.EOF, io.ErrUnexpectedEOF, os.ErrDeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, passing) { // in the middle of a handshake: perhaps it is just being restarted
			return false
		}
	}
	for _, lasting := range []error{
		ErrURL, fd.ErrBadAddr, shm.ErrRefused, shm.ErrForbidden, shm.ErrVersion, shm.ErrHandshake, unix.ErrForbidden, tls.ErrProtocol,
		h2.ErrUnauthorized, h2.ErrNotCorechan, h2.ErrHTTP1, h2.ErrURL,
	} {
		if errors.Is(err, lasting) {
			return true
		}
	}
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var alert *net.OpError // as crypto/tls returns what the peer says
	return errors.As(err, &invalid) || errors.As(err, &host) || errors.As(err, &authority) ||
		errors.As(err, &alert) && alert.Op == "remote error"
}

func (r *Retry) bounds() (least, most time.Duration) {
	least, most = r.Min, r.Max
	if least <= 0 {
		least = 50 * time.Millisecond
	}
	if most <= 0 {
		most = 5 * time.Second
	}
	return least, max(least, most)
}

// dial calls once until it succeeds.
func (r *Retry) dial(ctx context.Context, url string, once func() (*engine.Session, error), log *slog.Logger) (*engine.Session, error) {
	next, most := r.bounds()
	for attempt := 1; ; attempt++ {
		s, err := once()
		if err != nil && ctx.Err() == nil && !Lasting(err) && (r.Attempts == 0 || attempt < r.Attempts) {
			wait := next/2 + rand.N(next/2+1)
			r.tell(log, Dialling{URL: url, Attempt: attempt, Err: err, Wait: wait})
			if sleep(ctx, wait) {
				next = min(2*next, most)
				continue
			}
		}
		r.tell(log, Dialling{URL: url, Attempt: attempt, Err: err})
		return s, err
	}
}

func (r *Retry) tell(log *slog.Logger, d Dialling) {
	switch {
	case d.Err == nil && d.Attempt > 1:
		log.Info("connected", "url", d.URL, "attempt", d.Attempt)
	case d.Wait != 0:
		log.Info("dial failed, trying again", "url", d.URL, "attempt", d.Attempt, "reason", d.Err, "in", d.Wait)
	}
	if r.Told != nil {
		r.Told(d)
	}
}

// sleep waits, and reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Sessions keeps a session to the listener at a URL: it dials as Options.Retry says, gives the session to the body of the loop, closes
// it when the body has come to its end, and dials again. Before that it waits, longer each time, as long as sessions last for less
// than Retry.Max.
//
//	for sess, err := range transports.Sessions(ctx, "tcp://orders:7000", nil) {
//		if err != nil {
//			return err // ctx is done, or the listener refuses
//		}
//		work(ctx, sess) // until the session ends
//	}
//
// An error is the last thing that it yields.
func Sessions(ctx context.Context, url string, o *Options) iter.Seq2[*engine.Session, error] {
	return func(yield func(*engine.Session, error) bool) {
		var c Options
		if o != nil {
			c = *o
		}
		if c.Retry == nil {
			c.Retry = &Retry{}
		}
		least, most := c.Retry.bounds()
		next := least
		for {
			s, err := Dial(ctx, url, &c)
			if err != nil {
				yield(nil, err)
				return
			}
			began := time.Now()
			more := yield(s, nil)
			_ = s.Close()
			if !more {
				return
			}
			if time.Since(began) >= most {
				next = least
			}
			if !sleep(ctx, next/2+rand.N(next/2+1)) {
				yield(nil, ctx.Err())
				return
			}
			next = min(2*next, most)
		}
	}
}
