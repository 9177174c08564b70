package h2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/hello"
	"github.com/corechan/corechan/transports/internal/pump"
	"github.com/corechan/corechan/transports/internal/web"
)

// Dial connects to the endpoint at a URL, https://host:port/path, or h2c:// without TLS; a user and password in it are sent
// as basic authentication. The session is the caller's to close.
//
// The errors name the URL and the step, and wrap: those of connecting, and of crypto/tls and crypto/x509 with the
// certificate's fault; ErrHTTP1; a *StatusError, which is ErrUnauthorized, ErrNotCorechan or ErrHTTP1; ErrRefused with the
// listener's text; ErrHandshake, ErrVersion; os.ErrDeadlineExceeded after Options.HandshakeTimeout; the context's. Redirections
// are not followed. HTTPS_PROXY is heeded as by http.ProxyFromEnvironment.
func Dial(ctx context.Context, address string, o *Options) (*engine.Session, error) {
	u, err := web.ParseURL(address, "https", "h2c")
	if err != nil {
		return nil, fmt.Errorf("h2: dial: %w", err)
	}
	w := o.web()
	d := web.NewDialer(ctx, u, &w)
	requests := 1
	if o != nil && o.Requests != 0 {
		requests = o.Requests
	}
	s, err := dial(d, u, &w, requests)
	if err = d.Finish(err); err != nil {
		if s != nil {
			_ = s.Close()
		}
		return nil, fmt.Errorf("h2: dial %s: %s: %w", u.Redacted(), d.Step(), err)
	}
	return s, nil
}

func dial(d *web.Dialer, u *url.URL, o *web.Options, requests int) (*engine.Session, error) {
	if requests < 1 || requests > maxRequests {
		return nil, fmt.Errorf("Options.Requests is %d, and must be from 1 to %d", requests, maxRequests)
	}
	p, err := pump.New(&o.Ring)
	if err != nil {
		return nil, err
	}
	c := &calls{d: d, u: u, o: o, requests: requests, pump: p, bodies: newBodies(p)}
	s, err := c.dial()
	if err != nil {
		c.abort()
		c.bodies.close()
		p.Discard()
		return nil, err
	}
	return s, nil
}

// calls are the requests of a session.
type calls struct {
	d        *web.Dialer
	u        *url.URL
	o        *web.Options
	requests int
	pump     *pump.Pump
	bodies   *bodies
	all      []*call
}

// add makes one more request, which is not sent yet.
func (c *calls) add() (*call, error) {
	secure := c.u.Scheme == "https"
	raw := &web.RawConn{}
	at := *c.u
	at.User = nil
	if !secure {
		at.Scheme = "http"
	}
	n := &call{d: c.d, raw: raw, tr: transport(c.o, raw, secure), body: &body{all: c.bodies, i: len(c.all)}}
	c.all = append(c.all, n)
	var err error
	if n.req, err = http.NewRequestWithContext(c.d.Context(secure), http.MethodPost, at.String(), n.body); err != nil {
		return nil, err
	}
	n.req.Header = c.o.Headers(c.u)
	n.req.Header.Set("Content-Type", ContentType)
	n.req.ContentLength = -1
	return n, nil
}

// dial shakes hands on the first request, makes the others, and then the session.
func (c *calls) dial() (*engine.Session, error) {
	first, err := c.add()
	if err != nil {
		return nil, err
	}
	if c.requests > 1 {
		first.req.Header.Set(requestsHeader, strconv.Itoa(c.requests))
	}
	said, err := hello.Greet(first, hello.Ours(c.o.Engine, &c.o.Ring), true, nil)
	if err != nil {
		return nil, err
	}
	if err := c.addOthers(first.resp.Header); err != nil {
		return nil, err
	}
	l := c.pump.Link()
	l.Transport, l.Dialer, l.PeerLimits, l.Peer = Transport, true, said.Announced, engine.Peer{Addr: c.u.Redacted()}
	l.Window = c.o.Engine.WindowFor(c.o.Ring.Capacity)
	s, err := engine.NewSession(c.o.Engine, l)
	if err != nil {
		return nil, err
	}
	c.bodies.deal(len(c.all))
	c.pump.Observed(first.req.Context())
	c.pump.Start(s, pump.Stream{Read: c.read(), Abort: c.abort})
	return s, nil
}

// addOthers makes the requests that the server waits for, by what it has answered to the first.
func (c *calls) addOthers(h http.Header) error {
	n, err := wanted(h)
	if err != nil || n > c.requests {
		return fmt.Errorf("%w: it wants %q requests where %d are offered", ErrHandshake, h.Get(requestsHeader), c.requests)
	}
	if n == 1 {
		return nil
	}
	c.d.Enter("further requests")
	for i := 1; i < n; i++ {
		further, err := c.add()
		if err != nil {
			return err
		}
		further.req.Header.Set(sessionHeader, h.Get(sessionHeader))
		further.req.Header.Set(requestHeader, strconv.Itoa(i))
	}
	results := make(chan error, n)
	for _, further := range c.all[1:] {
		go func() { results <- further.send() }()
	}
	for range c.all[1:] {
		if one := <-results; err == nil && one != nil {
			err = one
			c.d.Cancel() // the others are of no use
		}
	}
	return err
}

// read returns what reads the response, or all of them.
func (c *calls) read() func([]byte) (int, error) {
	if len(c.all) == 1 {
		return c.all[0].resp.Body.Read
	}
	var responses []io.Reader
	for _, one := range c.all {
		responses = append(responses, one.resp.Body)
	}
	return (&joined{bodies: responses}).Read
}

// abort ends the requests and their connections. It does not block.
func (c *calls) abort() {
	c.d.Cancel()
	for _, one := range c.all {
		go one.abort()
	}
}

// transport returns a Transport for one session: it has a connection of its own.
func transport(o *web.Options, raw *web.RawConn, secure bool) *http.Transport {
	tr := web.Transport(o, raw)
	if secure {
		tr.Protocols.SetHTTP2(true)
		tr.Protocols.SetHTTP1(true) // offered so that the server's answer says what it speaks; see Dialer.Context
	} else {
		tr.Protocols.SetUnencryptedHTTP2(true)
	}
	tr.HTTP2 = web.ClientHTTP2(o)
	return tr
}

// A call is one request.
type call struct {
	d    *web.Dialer
	raw  *web.RawConn
	tr   *http.Transport
	req  *http.Request
	body *body
	resp *http.Response
}

// send makes the request, and returns when it is answered.
func (c *call) send() error {
	resp, err := c.tr.RoundTrip(c.req)
	if err != nil {
		return err
	}
	c.resp = resp
	switch typ := resp.Header.Get("Content-Type"); {
	case resp.StatusCode != http.StatusOK:
		return web.NewStatusError(resp)
	case resp.ProtoMajor < 2:
		return ErrHTTP1
	case typ != ContentType:
		return fmt.Errorf("%w, but content-type %q", web.NewStatusError(resp), typ)
	}
	return nil
}

// Write implements io.Writer for the handshake: what is written leaves with the request.
func (c *call) Write(b []byte) (int, error) {
	c.body.prefix = append(c.body.prefix, b...)
	return len(b), nil
}

// Read implements io.Reader for the handshake: the request is made first.
func (c *call) Read(b []byte) (int, error) {
	if c.resp == nil {
		if err := c.send(); err != nil {
			return 0, err
		}
		c.d.Enter("handshake")
	}
	n, err := c.resp.Body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && c.d.Err() != nil {
		err = c.d.Err()
	}
	return n, err
}

// abort ends what Cancel has not ended yet.
func (c *call) abort() {
	if c.resp != nil {
		_ = c.resp.Body.Close()
	}
	c.tr.CloseIdleConnections()
	c.raw.Cut() // it may not be an idle one yet
}
