package limit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"

	"github.com/corechan/corechan/perf/measure"
)

// server answers the one request that comes over the one connection it has, and keeps its handler running until close.
type server struct {
	http  http.Server
	base  net.Conn
	conns chan net.Conn
	taken chan Wire  // what the handler made of the request
	fail  chan error // why it made nothing
	over  chan struct{}
	end   sync.Once
	done  sync.WaitGroup
}

// serve begins. accept makes a wire of a request; it runs in the handler, which stays until the server is closed.
func serve(base net.Conn, accept func(http.ResponseWriter, *http.Request, *server) (Wire, error)) *server {
	s := &server{
		base: base, conns: make(chan net.Conn, 1), over: make(chan struct{}),
		taken: make(chan Wire, 1), fail: make(chan error, 1),
	}
	s.conns <- base
	s.http.ErrorLog = log.New(io.Discard, "", 0) // what matters comes back by the wire
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wire, err := accept(w, r, s)
		if err != nil {
			s.fail <- err
			return
		}
		s.taken <- wire
		<-s.over
	})
	return s
}

// wire waits for the request. The server is closed if it does not come.
func (s *server) wire(ctx context.Context, serve func() error) (Wire, error) {
	s.done.Go(func() {
		if err := serve(); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.fail <- err
		}
	})
	var err error
	select {
	case w := <-s.taken:
		return w, nil
	case err = <-s.fail:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, errors.Join(fmt.Errorf("serve a bare HTTP connection: %w", err), s.close())
}

func (s *server) close() error {
	s.end.Do(func() { close(s.over) })
	err := errors.Join(s.http.Close(), hangUp(s.base))
	s.done.Wait()
	return err
}

// Accept implements net.Listener: it hands out the one connection, then waits for the end.
func (s *server) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.over:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (s *server) Close() error {
	s.end.Do(func() { close(s.over) })
	return nil
}

// Addr implements net.Listener.
func (s *server) Addr() net.Addr { return s.base.LocalAddr() }

// bareURL names a server that is never looked up: clients have their connection already.
const bareURL = "://" + IdentityName + "/bare"

// client makes requests over the one connection it has.
func client(base net.Conn) *http.Transport {
	return &http.Transport{
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return base, nil },
		DisableCompression: true,
	}
}

// NewHTTP2 makes a wire of a connected stream socket, which stays the caller's, by net/http's HTTP/2 over TLS: one request,
// whose body goes from the far side to the near one, and its response, which goes back. Each message is flushed. The near
// side is the server. It returns when the request is being answered.
func NewHTTP2(ctx context.Context, fd int, side measure.Side, config *tls.Config) (Wire, error) {
	base, err := netConn(fd)
	if err != nil {
		return nil, err
	}
	var only http.Protocols
	only.SetHTTP2(true)
	if side == measure.Near {
		s := serve(base, acceptHTTP2)
		s.http.Protocols, s.http.TLSConfig = &only, config
		return s.wire(ctx, func() error { return s.http.ServeTLS(s, "", "") })
	}
	t := client(base)
	t.Protocols, t.TLSClientConfig = &only, config
	return requestHTTP2(ctx, t, base)
}

func acceptHTTP2(w http.ResponseWriter, r *http.Request, s *server) (Wire, error) {
	h := &responding{server: s, body: r.Body, to: w, control: http.NewResponseController(w)}
	if r.ProtoMajor != 2 {
		return nil, fmt.Errorf("the request is of %s", r.Proto)
	}
	return h, h.control.Flush() // so that the client sees the beginning of the response
}

// responding is the server's wire of HTTP/2.
type responding struct {
	*server
	body    io.Reader
	to      io.Writer
	control *http.ResponseController
}

func (h *responding) Read(b []byte) (int, error) { return h.body.Read(b) }

func (h *responding) Write(b []byte) (int, error) {
	n, err := h.to.Write(b)
	if err != nil {
		return n, err
	}
	return n, h.control.Flush()
}

func (h *responding) Stop()        { _ = hangUp(h.base) }
func (h *responding) Close() error { return h.close() }

// requesting is the client's wire of HTTP/2.
type requesting struct {
	*io.PipeWriter // of the request's body
	response       io.ReadCloser
	transport      *http.Transport
	base           net.Conn
	cancel         context.CancelFunc
}

func requestHTTP2(ctx context.Context, t *http.Transport, base net.Conn) (Wire, error) {
	body, w := io.Pipe()
	lasting, cancel := context.WithCancel(context.Background())
	defer context.AfterFunc(ctx, cancel)() // ctx is for the beginning only
	r, err := http.NewRequestWithContext(lasting, http.MethodPost, "https"+bareURL, body)
	if err == nil {
		var response *http.Response
		if response, err = t.RoundTrip(r); err == nil {
			return &requesting{w, response.Body, t, base, cancel}, nil
		}
	}
	cancel()
	t.CloseIdleConnections()
	return nil, errors.Join(fmt.Errorf("request over a bare HTTP/2 connection: %w", err), hangUp(base))
}

func (h *requesting) Read(b []byte) (int, error) { return h.response.Read(b) }

func (h *requesting) Stop() {
	_ = hangUp(h.base)
	h.cancel()
}

func (h *requesting) Close() error {
	h.cancel()
	_ = h.PipeWriter.Close() // always nil
	_ = h.response.Close()   // says that it was cancelled
	h.transport.CloseIdleConnections()
	return hangUp(h.base)
}
