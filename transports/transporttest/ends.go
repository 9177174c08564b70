package transporttest

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/corechan/corechan/engine"
)

func testACleanEndIsEOF(t *T) {
	t.onRoutes(func(t *T, w way) {
		sendNumbers(t, w.s, 0, 100)
		t.check(w.s.Close())
		wantNumbers(t, w.r, 0, 100)
		for range 2 {
			t.want(w.r.Receive(t.ctx, &note{}), io.EOF)
		}
	})
}

func testAnErrorArrivesWithItsCodeAndText(t *T) {
	for _, c := range []struct {
		name   string
		reason error
		code   engine.Code
		text   string
	}{
		{"text", errors.New("out of paper"), engine.CodeError, "out of paper"},
		{"code", &engine.ChannelError{Code: 300, Text: "jam in tray 2"}, 300, "jam in tray 2"},
		{"codeAlone", &engine.ChannelError{Code: 301}, 301, ""},
		{"noText", errors.New("a\xffb"), engine.CodeError, "a\ufffdb"},
		{"longText", errors.New(strings.Repeat("ä", 4000)), engine.CodeError, strings.Repeat("ä", 500)},
	} {
		t.sub(c.name, func(t *T) {
			t.onRoutes(func(t *T, w way) {
				sendNumbers(t, w.s, 0, 10)
				t.check(w.s.CloseWith(c.reason))
				wantNumbers(t, w.r, 0, 10)
				for range 2 {
					t.wantReason(w.r.Receive(t.ctx, &note{}), c.code, c.text)
				}
			})
		})
	}
}

func testTheReceiverCancels(t *T) {
	t.sub("withoutReason", func(t *T) {
		t.onRoutes(func(t *T, w way) {
			t.check(w.r.Close())
			t.want(sendUntilEnd(t.ctx, w.s), engine.ErrCanceled)
			t.want(w.s.Send(t.ctx, &note{}), engine.ErrCanceled)
		})
	})
	t.sub("withReason", func(t *T) {
		t.onRoutes(func(t *T, w way) {
			t.check(w.r.CloseWith(&engine.ChannelError{Code: 302, Text: "seen enough"}))
			t.wantReason(sendUntilEnd(t.ctx, w.s), 302, "seen enough")
		})
	})
}

func testAWaitingSenderLearnsOfItsCancellation(t *T) {
	t.onRoutesWith(engine.Limits{Window: 4096}, func(t *T, w way) {
		ctx, _ := t.watch()
		sent := result(func() error { return sendUntilEnd(ctx, w.s) })
		get(t, ctx.waiting)
		t.check(w.r.Close())
		t.want(get(t, sent), engine.ErrCanceled)
	})
}

func testAPeerThatIsGoneIsNamed(t *T) {
	t.onLinks(func(t *T, w way) {
		sendNumbers(t, w.s, 0, 50)
		if w.hops() { // what is on the way through the hop is lost with the hop's link only
			wantNumbers(t, w.r, 0, 50)
		}
		w.near.Cut()
		if !w.hops() {
			wantNumbers(t, w.r, 0, 50)
		}
		t.want(w.r.Receive(t.ctx, &note{}), engine.ErrPeerGone)
		t.want(sendUntilEnd(t.ctx, w.s), engine.ErrPeerGone)
		get(t, w.from.Done())
		t.want(w.from.Err(), engine.ErrPeerGone)
	})
}

func testAWaitingReceiverLearnsThatThePeerIsGone(t *T) {
	t.onLinks(func(t *T, w way) {
		ctx, _ := t.watch()
		received := result(func() error { return w.r.Receive(ctx, &note{}) })
		get(t, ctx.waiting)
		w.far.Cut()
		t.want(get(t, received), engine.ErrPeerGone)
		t.want(sendUntilEnd(t.ctx, w.s), engine.ErrPeerGone)
	})
}

func testASessionEndsItsChannelsWithItsReason(t *T) {
	for _, reason := range []error{nil, &engine.ChannelError{Code: 303, Text: "closing time"}} {
		name := "withoutReason"
		if reason != nil {
			name = "withReason"
		}
		t.sub(name, func(t *T) {
			t.onLinks(func(t *T, w way) {
				sendNumbers(t, w.s, 0, 50)
				t.check(w.from.CloseWith(reason))
				t.want(w.s.Send(t.ctx, &note{}), os.ErrClosed)
				wantNumbers(t, w.r, 0, 50)
				err := w.r.Receive(t.ctx, &note{})
				switch {
				case reason != nil:
					t.wantReason(err, 303, "closing time")
				case w.hops(): // the hop lost its peer
					t.want(err, engine.ErrPeerGone)
				default:
					t.want(err, engine.ErrSessionClosed)
					get(t, w.to.Done())
					t.want(w.to.Err(), engine.ErrSessionClosed)
				}
				t.check(w.from.Close())
			})
		})
	}
}

func testOnesOwnCloseIsErrClosed(t *T) {
	t.sub("sender", func(t *T) {
		t.onRoutes(func(t *T, w way) {
			t.check(w.s.Close())
			t.want(w.s.Close(), os.ErrClosed)
			t.want(w.s.Send(t.ctx, &note{}), os.ErrClosed)
		})
	})
	t.sub("receiver", func(t *T) {
		t.onRoutes(func(t *T, w way) {
			sendNumbers(t, w.s, 0, 3)
			t.check(w.r.Close())
			t.want(w.r.Close(), os.ErrClosed)
			t.want(w.r.Receive(t.ctx, &note{}), os.ErrClosed)
		})
	})
	t.sub("session", func(t *T) {
		t.onLinks(func(t *T, w way) {
			ctx, _ := t.watch()
			received := result(func() error { return w.r.Receive(ctx, &note{}) })
			get(t, ctx.waiting)
			t.check(w.to.Close())
			t.want(get(t, received), os.ErrClosed)
			t.want(w.to.Err(), os.ErrClosed)
		})
	})
}

func testCodecsThatDifferAreRefused(t *T) {
	l := t.connect()
	s, err := engine.Open[note](t.ctx, l.A, "x")
	t.check(err)
	_, err = engine.Accept[engine.Raw](t.ctx, l.B, "x")
	t.want(err, engine.ErrCodec)
	t.want(sendUntilEnd(t.ctx, s), engine.ErrCodec)
}

func testASessionsEndEndsWhatWaits(t *T) {
	l := t.connect(engine.Limits{Window: 4096})
	s, r := channel[note](t, l.A, l.B)
	back, feed := channel[note](t, l.B, l.A)
	accept, _ := t.watch()
	accepted := result(func() error { _, err := engine.Accept[note](accept, l.A, "y"); return err })
	receive, _ := t.watch()
	received := result(func() error { return feed.Receive(receive, &note{}) })
	send, _ := t.watch()
	sent := result(func() error { return sendUntilEnd(send, s) })
	for _, w := range []*watched{accept, receive, send} {
		get(t, w.waiting)
	}
	t.check(l.B.CloseWith(errors.New("closing time")))
	for _, ended := range []<-chan error{accepted, received, sent} {
		err := get(t, ended)
		t.want(err, engine.ErrSessionClosed)
		t.wantReason(err, engine.CodeError, "closing time")
	}
	_, err := engine.Open[note](t.ctx, l.A, "z")
	t.want(err, engine.ErrSessionClosed)
	t.want(r.Receive(context.Background(), &note{}), os.ErrClosed)
	t.want(back.Send(t.ctx, &note{}), os.ErrClosed)
}
