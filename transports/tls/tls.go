// Package tls connects processes by TLS 1.3 over TCP, with the protocol's name corechan/1 (ALPN): encrypted, and each side may
// prove who it is by a certificate. How sessions wait and run is as in package tcp.
package tls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd"
	"github.com/corechan/corechan/transports/internal/accept"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/internal/wire"
)

const (
	// Transport is the name of this transport: the scheme of its URLs.
	Transport = "tls"
	// Protocol is the name that both sides agree on in the handshake: ALPN, RFC 7301.
	Protocol = "corechan/1"
)

var (
	// ErrHandshake is a handshake that is not corechan's: another protocol at this port, or a broken peer.
	ErrHandshake = hello.ErrHandshake
	// ErrVersion is a peer that speaks another version.
	ErrVersion = hello.ErrVersion
	// ErrRefused is a listener's refusal; its text says why.
	ErrRefused = hello.ErrRefused
	// ErrProtocol is a peer that speaks TLS and not corechan over it.
	ErrProtocol = errors.New("peer does not speak " + Protocol)
	// ErrNoCertificate is a listener without a certificate.
	ErrNoCertificate = errors.New("a listener needs a certificate: set Options.Files or Options.Config")
)

// Certificate returns the peer's own certificate, or nil if it has shown none or the session is not over TLS. It was verified if
// the options ask for that, as Files.CA does.
func Certificate(p engine.Peer) *x509.Certificate {
	if s, ok := p.Identity.(*tls.ConnectionState); ok && len(s.PeerCertificates) != 0 {
		return s.PeerCertificates[0]
	}
	return nil
}

// Dial connects to the listener at host:port, whose certificate must be for that host. The session is the caller's to close.
//
// The errors: those of net.Dialer and crypto/tls (*tls.CertificateVerificationError); ErrProtocol; ErrRefused with the listener's
// text; ErrHandshake, ErrVersion; os.ErrDeadlineExceeded for a handshake that takes too long; the context's.
func Dial(ctx context.Context, addr string, o *Options) (*engine.Session, error) {
	c := o.withDefaults()
	files, err := newFiles(c.Files)
	if err != nil {
		return nil, fmt.Errorf("tls: dial %s: %w", addr, err)
	}
	config, err := files.dialing(c.config())
	if err != nil {
		return nil, fmt.Errorf("tls: dial %s: %w", addr, err)
	}
	if config.ServerName == "" {
		if config.ServerName, _, err = net.SplitHostPort(addr); err != nil {
			return nil, fmt.Errorf("tls: dial %s: %w", addr, err)
		}
	}
	d := net.Dialer{KeepAliveConfig: c.KeepAlive, KeepAlive: accept.Off(c.KeepAlive)}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err) // it names the address
	}
	s, err := session(ctx, conn, &c, config, true, 0)
	if err != nil {
		return nil, fmt.Errorf("tls: dial %s: %w", addr, err)
	}
	return s, nil
}

// Listen listens at host:port; port 0 is one that is free, which Addr tells. See Options.Files for who may connect.
func Listen(ctx context.Context, addr string, o *Options) (*engine.Listener, error) {
	c := o.withDefaults()
	files, err := newFiles(c.Files)
	if err != nil {
		return nil, fmt.Errorf("tls: listen %s: %w", addr, err)
	}
	base := c.config()
	if c.Files.Cert == "" && len(base.Certificates) == 0 && base.GetCertificate == nil && base.GetConfigForClient == nil {
		return nil, fmt.Errorf("tls: listen %s: %w", addr, ErrNoCertificate)
	}
	config := files.listening(base, func(err error) {
		c.Engine.Logger().Warn("certificate files cannot be read; the former ones go on", "listener", Transport+"://"+addr, "reason", err)
	})
	socks, err := accept.TCP(ctx, addr, &net.ListenConfig{KeepAliveConfig: c.KeepAlive, KeepAlive: accept.Off(c.KeepAlive)}, c.Engine.Cores())
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	l, err := accept.Listen(accept.Config[accept.Conn]{
		Engine: c.Engine, URL: Transport + "://" + socks.Addr(), Accept: socks.Accept(), Close: socks.Close,
		Greet: func(ctx context.Context, conn accept.Conn) (*engine.Session, error) {
			return session(ctx, conn.Conn, &c, config, false, conn.Core)
		},
	})
	if err != nil {
		_ = socks.Close()
		return nil, fmt.Errorf("tls: listen %s: %w", addr, err)
	}
	return l, nil
}

// session does both handshakes on a connection, which is its own from then on.
func session(ctx context.Context, conn net.Conn, o *Options, config *tls.Config, dialer bool, core int) (*engine.Session, error) {
	sock := &socket{Conn: conn}
	s := &stream{sock: sock}
	if dialer {
		s.conn = tls.Client(sock, config)
	} else {
		s.conn = tls.Server(sock, config)
	}
	var peer engine.Peer
	var said hello.Hello
	err := wire.Interruptible(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }, func() (err error) {
		if err := conn.SetDeadline(time.Now().Add(o.HandshakeTimeout)); err != nil {
			return err
		}
		if peer, err = s.identify(); err != nil {
			return err
		}
		said, err = hello.Greet(s.conn, hello.Ours(o.Engine, &o.Ring), dialer, func(hello.Hello) error {
			return o.authorize(peer)
		})
		if err == nil && dialer {
			err = o.authorize(peer)
		}
		if err != nil {
			return fmt.Errorf("handshake: %w", err)
		}
		return nil
	})
	if err != nil {
		_ = s.conn.Close()
		return nil, fmt.Errorf("%s: %w", conn.RemoteAddr(), err)
	}
	if err = sock.detach(); err == nil {
		if err = accept.Spread(sock.fd.Int(), o.KeepAlive); err != nil {
			_ = sock.fd.Close()
		}
	}
	if err == nil && o.UserTimeout > 0 {
		if err = fd.SetUserTimeout(sock.fd.Int(), o.UserTimeout); err != nil {
			_ = sock.fd.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("session with %s: %w", conn.RemoteAddr(), err)
	}
	link, err := wire.NewSession(s, &wire.Options{
		Engine: o.Engine, Ring: o.Ring, Label: "tls session",
		Link: engine.Link{Dialer: dialer, Transport: Transport, Peer: peer, PeerLimits: said.Announced, Core: core},
	})
	if err != nil {
		return nil, fmt.Errorf("session with %s: %w", conn.RemoteAddr(), err)
	}
	return link, nil
}

func (o *Options) authorize(p engine.Peer) error {
	if o.Authorize == nil {
		return nil
	}
	return o.Authorize(p)
}

// identify does the handshake of TLS, and says who the peer is.
func (s *stream) identify() (engine.Peer, error) {
	if err := s.conn.Handshake(); err != nil {
		var record tls.RecordHeaderError
		if errors.As(err, &record) {
			err = fmt.Errorf("%w: %w%s", ErrHandshake, err, hello.Whose(record.RecordHeader[:]))
		}
		return engine.Peer{}, fmt.Errorf("TLS handshake: %w", err)
	}
	state := s.conn.ConnectionState()
	if state.NegotiatedProtocol != Protocol {
		return engine.Peer{}, fmt.Errorf("%w: its ALPN is %q", ErrProtocol, state.NegotiatedProtocol)
	}
	return engine.Peer{Addr: Transport + "://" + s.conn.RemoteAddr().String(), Identity: &state}, nil
}
