package carry_test

import (
	"testing"
)

// A listing message carries a list.
type listing struct{ List []any }

func (l *listing) CarriedList() *[]any { return &l.List }

func TestAListersPlanIsEmpty(t *testing.T) {
	if p := plan(t, &listing{}); !p.Empty() {
		t.Error("not empty")
	}
}
