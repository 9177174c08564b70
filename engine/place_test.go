package engine

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

// A tail's field may be anything but the last one of a message that is made here.
func tailed(r *rand.Rand, key string, fields, size int) (payload []byte, head int) {
	if key == "" {
		payload = msgp.AppendArrayHeader(nil, uint32(fields))
	} else {
		payload = msgp.AppendMapHeader(nil, uint32(fields))
	}
	for range fields - 1 {
		if key != "" {
			payload = msgp.AppendString(payload, "other")
		}
		switch r.IntN(4) {
		case 0:
			payload = msgp.AppendInt(payload, r.Int())
		case 1:
			payload = msgp.AppendString(payload, "text")
		case 2:
			payload = msgp.AppendBytes(payload, make([]byte, r.IntN(100)))
		case 3:
			payload, _ = msgp.AppendIntf(payload, map[string]any{"a": []any{1, "b", nil}})
		}
	}
	if key != "" {
		payload = msgp.AppendString(payload, key)
	}
	payload = msgp.AppendBytes(payload, bytes.Repeat([]byte{7}, size))
	return payload, len(payload) - size
}

func TestATailIsFoundOnceItsHeaderIsThere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		key := []string{"", "Body"}[r.IntN(2)]
		payload, head := tailed(r, key, 1+r.IntN(5), largeTail+r.IntN(1000))
		for n := 0; n < head+10; n++ {
			want := 0
			if n >= head {
				want = head
			}
			if at := tailAt(payload[:n], len(payload), key); at != want {
				t.Fatalf("with %d bytes, of which %d are the head, the tail is at %d", n, head, at)
			}
		}
		for what, at := range map[string]int{
			"of another key":    tailAt(payload, len(payload), "Bodies"),
			"of a longer frame": tailAt(payload, len(payload)+1, key), "of a shorter one": tailAt(payload, len(payload)-1, key),
		} {
			if at != 0 {
				t.Errorf("a tail %s is at %d", what, at)
			}
		}
	}
	if payload, _ := tailed(r, "Body", 1, largeTail); tailAt(payload, len(payload), "") != 0 {
		t.Error("a map is taken for a tuple")
	}
	if payload, head := tailed(r, "", 1, 1000); tailAt(payload, len(payload), "") != 0 {
		t.Errorf("a header of 3 bytes is taken for one of 5, at %d", head)
	}
}

// FuzzTail has any bytes looked at: where a tail is found, it is what comes last, and its length stands right before it.
func FuzzTail(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, key := range []string{"", "Body"} {
		payload, head := tailed(r, key, 3, largeTail)
		f.Add(payload[:head], key, len(payload))
	}
	f.Add(bytes.Repeat([]byte{0x91}, 5000), "", 1<<20)
	f.Add([]byte{0xdd, 255, 255, 255, 255, 1, 2, 3}, "", 1<<20)
	f.Fuzz(func(t *testing.T, there []byte, key string, length int) {
		at := tailAt(there, length, key)
		if at == 0 {
			return
		}
		if at < tailHeader+1 || at > len(there) || at > length {
			t.Fatalf("at %d of %d bytes, %d are there", at, length, len(there))
		}
		whole := append(bytes.Clone(there[:at]), make([]byte, min(length-at, 1<<20))...)
		if rest, err := msgp.Skip(whole); length-at <= 1<<20 && (err != nil || len(rest) != 0) {
			t.Errorf("not one value with what follows: %v, %d bytes left", err, len(rest))
		}
	})
}
