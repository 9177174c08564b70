package msgpack_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/corechan/corechan/engine/codec/msgpack"
)

func TestAnAnnouncementTakesNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, h := range hostile {
		for _, v := range []any{new(any), new([]Generated), new(Generated), new(map[string][]byte), new([]byte), new(string)} {
			_ = c.Decode(h.payload, v)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("%d bytes were allocated for payloads that announce much", n)
	}
}

func TestValidDoesNotAlloc(t *testing.T) {
	e := example()
	payload, _ := c.Append(nil, &e)
	deep := append(bytes.Repeat([]byte{0x91}, 1000), 0xc0)
	n := testing.AllocsPerRun(100, func() {
		if msgpack.Valid(payload) != nil || msgpack.Valid(deep) != nil {
			t.Error("not valid")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
