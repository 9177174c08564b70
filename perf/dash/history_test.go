package dash

import (
	"fmt"
	"testing"
)

func TestHistoryKeepsTheLastOnesWithinItsBounds(t *testing.T) {
	for _, test := range []struct {
		name            string
		most, mostBytes int
		add, first      int
	}{
		{"few", 10, 1000, 3, 1},
		{"too many", 4, 1000, 10, 7},
		{"too large", 100, 35, 10, 8},
		{"one alone is kept", 100, 5, 10, 10},
	} {
		h := newHistory(test.most, test.mostBytes)
		for i := 1; i <= test.add; i++ {
			h.add([]byte(fmt.Sprintf("%10d", i)))
		}
		b, at, more := h.after(0)
		if at != uint64(test.first) || string(b) != fmt.Sprintf("%10d", test.first) || more != nil {
			t.Errorf("%s: the oldest is %d, %q", test.name, at, b)
		}
		if b, at, _ = h.after(uint64(test.add) - 1); at != uint64(test.add) || string(b) != fmt.Sprintf("%10d", test.add) {
			t.Errorf("%s: the last is %d, %q", test.name, at, b)
		}
		b, at, more = h.after(uint64(test.add))
		if b != nil || at != uint64(test.add) {
			t.Errorf("%s: behind the last is %d, %q", test.name, at, b)
		}
		h.add([]byte("more"))
		<-more
		if kept := len(h.list); h.bytes > test.mostBytes && kept > 1 || kept > test.most {
			t.Errorf("%s: %d, %d bytes", test.name, kept, h.bytes)
		}
	}
}
