package engine_test

import (
	"context"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/corechan/corechan/engine"
)

// TestTheProtocolsExampleIsRight compares the frames of PROTOCOL.md's example with those that travel.
func TestTheProtocolsExampleIsRight(t *testing.T) {
	type answer struct {
		Sum uint64 `msg:"sum"`
	}
	type ask struct {
		ID    uint64                `msg:"id"`
		Reply engine.Sender[answer] `msg:"reply"`
	}
	frames := exampleFrames(t)
	if len(frames) != 3 {
		t.Fatalf("the example has %d frames", len(frames))
	}

	ctx, cancel := context.WithCancel(context.Background()) // without a deadline, which would travel
	defer context.AfterFunc(watchdog(t), cancel)()
	dialer, listener := newLinks(t, 1<<14, nil)
	sess := dialer.session(t, newEngine(t, engine.Config{}))
	peer := &hostile{side: listener, t: t}
	asks := must(engine.Open[ask](ctx, sess, "asks"))
	got := make(chan answer, 1)
	failed := make(chan error, 1)
	go func() {
		var q ask
		var a answer
		q.ID = 7
		failed <- engine.Call(ctx, asks, &q, &q.Reply, &a)
		got <- a
	}()
	for _, want := range frames[:2] {
		if b := peer.readWhole(); string(b) != want {
			t.Errorf("written:  % x\nexample: % x", b, want)
		}
	}
	b := must(peer.link.Producer.Reserve(len(frames[2])))
	copy(b, frames[2])
	peer.link.Producer.Commit(len(b)) // writes the length
	if string(b) != frames[2] {
		t.Errorf("the answer's length is wrong: % x", b)
	}
	peer.link.Producer.Publish()
	peer.bell.Ring()
	check(t, get(t, failed))
	if a := get(t, got); a.Sum != 8 {
		t.Error(a)
	}
	if n := sess.Ends(); n != 1 {
		t.Errorf("%d channels are open", n)
	}
}

// readWhole returns the next frame as it stands in the ring.
func (h *hostile) readWhole() []byte {
	for !h.link.Consumer.Ready() {
		h.link.Consumer.Arm()
		if !h.link.Consumer.Ready() {
			check(h.t, h.bell.Sleep(watchdog(h.t), true))
		}
		h.link.Consumer.Disarm()
	}
	b := append([]byte(nil), must(h.link.Consumer.Next())...)
	h.link.Consumer.Release()
	return b
}

// exampleFrames returns the frames of PROTOCOL.md's example. Each line is hexadecimal, two spaces and what it means; an empty
// line ends a frame.
func exampleFrames(t *testing.T) []string {
	t.Helper()
	text := string(must(os.ReadFile("../PROTOCOL.md")))
	_, text, ok := strings.Cut(text, "```hex\n")
	if !ok {
		t.Fatal("PROTOCOL.md has no example")
	}
	text, _, _ = strings.Cut(text, "```")
	var frames []string
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		frame := ""
		for _, line := range strings.Split(block, "\n") {
			digits, _, _ := strings.Cut(line, "  ")
			frame += string(must(hex.DecodeString(strings.ReplaceAll(digits, " ", ""))))
		}
		frames = append(frames, frame)
	}
	return frames
}
