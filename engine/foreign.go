package engine

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
)

// A foreign is a byte stream that is not one of ours, on its way out as channels: goroutines move its bytes.
//
// It is closed at the end if its field's type has a Close; and early, so that a Read or Write that waits comes back, when the
// other side ends.
type foreign struct {
	value  any
	r      io.Reader
	w      io.Writer
	closer io.Closer
	closed sync.Once
}

func (f *foreign) close() {
	if f.closer != nil {
		f.closed.Do(func() { _ = f.closer.Close() })
	}
}

// start moves bytes between the stream and the ends that stay here.
func (f *foreign) start(s *sendEnd, r *recvEnd) {
	var both sync.WaitGroup
	if s != nil {
		s.onEnd(f.close) // the peer wants no more, or is gone: a Read that waits is of no use
		both.Go(func() { f.pumpOut(s) })
	}
	if r != nil {
		both.Go(func() { f.pumpIn(r) })
	}
	go func() {
		both.Wait()
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
		_ = s.close(err)
		return
	}
}

// pumpIn writes what is received until it ends.
func (f *foreign) pumpIn(r *recvEnd) {
	s := newStreamReader(r)
	_, err := s.WriteTo(f.w)
	_ = s.CloseWithError(err) // a Write failed: the peer is told
	switch w := f.w.(type) {
	case interface{ CloseWithError(error) error }: // such as *io.PipeWriter
		_ = w.CloseWithError(err)
	case interface{ CloseWrite() error }:
		_ = w.CloseWrite()
	}
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
