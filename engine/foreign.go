package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
)

// A foreign is a byte stream that is not one of ours, on its way out as channels: goroutines move its bytes.
//
// It is closed at the end if its field's type has a Close; and early, so that a Read or Write that waits comes back, when the
// other side ends.
type foreign struct {
	value  any
	t      reflect.Type // of its field, where it does not leave the process
	r      io.Reader
	w      io.Writer
	closer io.Closer
	closed sync.Once
	allOut atomic.Bool // r has ended
}

func (f *foreign) close() {
	if f.closer != nil {
		f.closed.Do(func() { _ = f.closer.Close() })
	}
}

// start moves bytes between the stream and the ends that stay here.
func (f *foreign) start(s *sendEnd, r *recvEnd) {
	if own, ok := f.value.(*StreamReader); ok { // one that was partly read
		next := own.succeed()
		f.r, f.closer = next, next
	}
	var out, in sync.WaitGroup
	if r != nil {
		in.Go(func() { f.pumpIn(r) })
	}
	if s != nil {
		s.onEnd(func() {
			if f.allOut.Load() {
				return // the other direction goes on
			}
			go func() { // the peer wants no more, or is gone: a Read that waits is of no use, once all is written that came
				in.Wait()
				f.close()
			}()
		})
		s.watch()
		out.Go(func() { f.pumpOut(s) })
	}
	go func() {
		in.Wait()
		out.Wait()
		f.close()
	}()
}

// pumpOut sends what is read until it ends.
func (f *foreign) pumpOut(s *sendEnd) {
	buf := make([]byte, min(streamPiece, max(s.maxMessage, 1)))
	for {
		n, err := f.r.Read(buf)
		if n != 0 && s.sendBytes(context.Background(), buf[:n]) != nil {
			return
		}
		if errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			continue
		}
		f.allOut.Store(true)
		_ = s.close(err)
		return
	}
}

// pumpIn writes what is received until it ends.
func (f *foreign) pumpIn(r *recvEnd) {
	s := newStreamReader(r)
	to := &noting{w: f.w}
	_, err := s.WriteTo(to)
	_ = s.CloseWithError(err) // a Write failed: the peer is told
	if err != nil && to.err == nil && f.reset() {
		return
	}
	switch w := f.w.(type) {
	case interface{ CloseWithError(error) error }: // such as *io.PipeWriter
		_ = w.CloseWithError(err)
	case interface{ CloseWrite() error }:
		_ = w.CloseWrite()
	}
}

// reset breaks the connection, if it is one over TCP, and reports whether it was: who is at its other side must not take what came for
// all there is.
func (f *foreign) reset() bool {
	c := f.w
	if over, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS, which would end it in order
		c = over.NetConn()
	}
	tcp, ok := c.(*net.TCPConn)
	if ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
		f.close()
	}
	return ok
}

// noting notes the error of its writer.
type noting struct {
	w   io.Writer
	err error
}

func (n *noting) Write(b []byte) (int, error) {
	k, err := n.w.Write(b)
	n.err = err
	return k, err
}

// abandon ends a stream that nobody took.
func (f *foreign) abandon() { f.close() }

// onEnd has f called once the channel has ended, for whatever reason; at once if it has. undo takes that back, so that a
// channel that lives long does not collect what is over.
func (s *sendEnd) onEnd(f func()) (undo func()) {
	s.changeAtEnd(func(list []*func()) []*func() { return append(list, &f) })
	if s.ended.Load() != nil {
		s.callAtEnd(s.atEnd.Swap(nil))
	}
	return func() {
		s.changeAtEnd(func(list []*func()) []*func() {
			return slices.DeleteFunc(list, func(g *func()) bool { return g == &f })
		})
	}
}

func (s *sendEnd) callAtEnd(list *[]*func()) {
	if list != nil {
		for _, f := range *list {
			(*f)()
		}
	}
}

// watch has what the peer says about the channel seen although nobody here sends: it waits on the session, in the background,
// until the channel has ended.
func (s *sendEnd) watch() {
	c := &overCondition{s, make(chan struct{})}
	s.onEnd(func() { close(c.over) })
	go func() { _, _, _ = s.p.await(context.Background(), c, nil) }()
}

// An overCondition is met when the channel has ended.
type overCondition struct {
	s    *sendEnd
	over chan struct{}
}

func (c *overCondition) met() bool               { return c.s.ended.Load() != nil }
func (c *overCondition) signal() <-chan struct{} { return c.over }

// changeAtEnd replaces the list of what is called at the end by what change makes of a copy.
func (s *sendEnd) changeAtEnd(change func([]*func()) []*func()) {
	for {
		old, list := s.atEnd.Load(), []*func(){}
		if old != nil {
			list = append(list, *old...)
		}
		changed := &list
		if list = change(list); len(list) == 0 {
			changed = nil
		}
		if s.atEnd.CompareAndSwap(old, changed) {
			return
		}
	}
}
