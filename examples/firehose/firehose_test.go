package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/examples/internal/extest"
	"github.com/corechan/corechan/fd/fdtest"
	"github.com/corechan/corechan/transports"
)

func TestMain(m *testing.M) { extest.Main(m, main) }

func TestASlowSubscriberMissesEventsAndNobodyElseDoes(t *testing.T) {
	fdtest.Snapshot(t)
	const batch, batches = 16, 40
	url := extest.URL(t)
	s := extest.Start(t, "serve", "--listen", url, "--drain", "30s")
	s.Expect("listening on " + url)
	watch := func(name string) *extest.Process {
		p := extest.Start(t, "watch", "--connect", url, "--name", name, "--queue", fmt.Sprint(batch))
		s.Expect(name + ": subscribed")
		return p
	}
	fast, slow, dead := watch("fast"), watch("slow"), watch("dead")
	slow.Signal(syscall.SIGSTOP)
	dead.Kill()
	if got := s.Line(); got != "dead: 0 sent, 0 missed: peer is gone" {
		t.Error(got)
	}

	// 1.3 MB: more than the slow one's ring, window and queue hold. The fast one, after each batch, has got it all.
	text := strings.Repeat("x", 2048)
	for b := range batches {
		s.Type(strings.Repeat(text+"\n", batch))
		for i := range batch {
			fast.Expect(fmt.Sprint(b*batch+i+1, " ", text))
		}
	}
	slow.Signal(syscall.SIGCONT)
	s.CloseStdin()
	fast.End(0)

	got, missed, last := 0, 0, 0
	for _, line := range slow.Rest() {
		n := 0
		if _, err := fmt.Sscanf(line, "(%d missed)", &n); err == nil {
			missed += n
			last += n
			continue
		}
		if _, err := fmt.Sscanf(line, "%d ", &n); err != nil || n != last+1 {
			t.Fatalf("%.20q, %v, after event %d", line, err, last)
		}
		got++
		last = n
	}
	slow.End(0)
	if last != batch*batches || missed == 0 || got < batch {
		t.Errorf("the slow one got %d, missed %d, and the last was %d of %d", got, missed, last, batch*batches)
	}
	told := s.Rest()
	s.End(0)
	want := map[string]bool{
		fmt.Sprintf("fast: %d sent, 0 missed", batch*batches): true,
		fmt.Sprintf("slow: %d sent, %d missed", got, missed):  true,
	}
	for _, line := range told {
		delete(want, line)
	}
	if len(want) != 0 {
		t.Errorf("the producer says %q; these lack: %v", told, want)
	}
}

func TestASubscriberHearsThatTheProducerDied(t *testing.T) {
	fdtest.Snapshot(t)
	url := "shm://@firehose-" + fmt.Sprint(syscall.Getpid())
	s := extest.Start(t, "serve", "--listen", url)
	s.Expect("listening on " + url)
	w := extest.Start(t, "watch", "--connect", url, "--name", "w")
	s.Expect("w: subscribed")
	s.Type("one\n")
	w.Expect("1 one")
	s.Kill()
	w.End(1)
	if got := w.Stderr(); !strings.Contains(got, "the producer died; start it and this subscriber again") {
		t.Error(got)
	}
}

func TestAStoppedSubscriberHoldsUpTheEndForABoundedTime(t *testing.T) {
	fdtest.Snapshot(t)
	url := extest.URL(t)
	s := extest.Start(t, "serve", "--listen", url, "--drain", "50ms")
	s.Expect("listening on " + url)
	w := extest.Start(t, "watch", "--connect", url, "--name", "w")
	s.Expect("w: subscribed")
	w.Signal(syscall.SIGSTOP)
	s.Type(strings.Repeat(strings.Repeat("x", 2048)+"\n", 1000))
	s.CloseStdin()
	var sent, missed int
	line := s.Line()
	if _, err := fmt.Sscanf(line, "w: %d sent, %d missed:", &sent, &missed); err != nil || sent == 0 || sent == 1000 {
		t.Errorf("it says %q", line)
	}
	s.End(0)
	w.Kill()
}

func TestTheProducerIsInterruptedInOrder(t *testing.T) {
	fdtest.Snapshot(t)
	url := extest.URL(t)
	s := extest.Start(t, "serve", "--listen", url)
	s.Expect("listening on " + url)
	w := extest.Start(t, "watch", "--connect", url, "--name", "w")
	s.Expect("w: subscribed")
	s.Terminate()
	w.End(1)
	if got := w.Stderr(); !strings.Contains(got, "firehose serve was told to end") {
		t.Error(got)
	}
}

// Many subscribers of one session, one of which never receives.
func TestChannelsOfOneSessionDoNotWaitForEachOther(t *testing.T) {
	ctx := extest.Context(t)
	ln, err := transports.Listen(ctx, "inmem://firehose", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	told := make(chan string, 100)
	h := newHub(func(line string) { told <- line })
	var all sync.WaitGroup
	serving, stop := context.WithCancel(ctx)
	all.Go(func() { _ = h.serve(serving, ln) })
	defer all.Wait()
	defer stop()
	sess, err := transports.Dial(ctx, "inmem://firehose", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	subscribe, err := engine.Open[Subscription](ctx, sess, subscriptions)
	if err != nil {
		t.Fatal(err)
	}
	const subscribers, events = 10, 500
	var channels [subscribers]engine.Receiver[Event]
	for i := range channels {
		var to engine.Sender[Event]
		channels[i], to = engine.Pipe[Event]()
		if err := subscribe.Send(ctx, &Subscription{Name: "s", Queue: 1, Events: to}); err != nil {
			t.Fatal(err)
		}
		<-told
	}
	text := strings.Repeat("x", 2048)
	for n := range uint64(events) {
		h.publish(text)
		for _, c := range channels[1:] {
			var e Event
			if err := c.Receive(ctx, &e); err != nil || e.Seq != n+1 || e.Missed != 0 {
				t.Fatalf("event %d: %d, %d missed, %v", n+1, e.Seq, e.Missed, err)
			}
		}
	}
	h.end()
	var got, missed uint64
	for e, err := range channels[0].All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		got, missed = got+1, missed+e.Missed
	}
	if got+missed != events || missed == 0 {
		t.Errorf("the one that was late got %d and missed %d", got, missed)
	}
}
