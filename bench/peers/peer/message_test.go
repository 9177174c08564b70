package peer

import (
	"errors"
	"testing"
)

func message(number uint64) []byte {
	b := make([]byte, 64)
	Stamp(b, number, number%2 == 0)
	return b
}

func TestWhoReceivesNoticesWhatIsWrong(t *testing.T) {
	cut, mixed := message(2), message(2)
	copy(mixed[32:], message(3)[32:])
	for name, second := range map[string][]byte{
		"lost": message(3), "doubled": message(1), "overtaken": message(7), "cut": cut[:40], "mixed": mixed, "empty": nil,
	} {
		t.Run(name, func(t *testing.T) {
			o := Order{Size: 64}
			if err := o.Take(message(1)); err != nil {
				t.Fatal(err)
			}
			if err := o.Take(second); !errors.Is(err, ErrMismatch) {
				t.Errorf("Take = %v, not ErrMismatch", err)
			}
		})
	}
}

func TestMessagesInOrderAreTaken(t *testing.T) {
	o := Order{Size: 64}
	for n := uint64(1); n <= 100; n++ {
		b := message(n)
		if err := o.Take(b); err != nil {
			t.Fatal(err)
		}
		if WantsReply(b) != (n%2 == 0) {
			t.Errorf("message %d wants a reply: %v", n, WantsReply(b))
		}
	}
}

func TestTheSmallestMessageHoldsBothNumbersAndTheFlag(t *testing.T) {
	b := make([]byte, MinSize)
	Stamp(b, 1<<63+5, true)
	if n, err := Check(b, MinSize); n != 1<<63+5 || err != nil || !WantsReply(b) {
		t.Errorf("number %d, %v, reply %v", n, err, WantsReply(b))
	}
}
