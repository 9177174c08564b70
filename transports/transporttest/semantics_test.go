package transporttest

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

var (
	begins = regexp.MustCompile(`(?m)^([0-9]+)\. `)
	named  = regexp.MustCompile("`([a-z]+/[A-Z][A-Za-z]+)`")
)

// TestEverySentenceOfTheSemanticsNamesItsTest reads docs/semantics.md beside the suite.
func TestEverySentenceOfTheSemanticsNamesItsTest(t *testing.T) {
	page, err := os.ReadFile("../../docs/semantics.md")
	if err != nil {
		t.Fatal(err)
	}
	unnamed := map[string]bool{}
	for _, g := range groups() {
		for _, f := range g.tests {
			name := g.name + "/" + nameOf(f)
			if _, twice := unnamed[name]; twice {
				t.Errorf("%s is in the suite twice", name)
			}
			unnamed[name] = true
		}
	}
	starts := begins.FindAllSubmatchIndex(page, -1)
	for i, at := range starts {
		number := string(page[at[2]:at[3]])
		if number != strconv.Itoa(i+1) {
			t.Fatalf("sentence %s where %d was due", number, i+1)
		}
		end := len(page)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		names := named.FindAllSubmatch(page[at[0]:end], -1)
		if len(names) == 0 {
			t.Errorf("sentence %s names no test", number)
		}
		for _, n := range names {
			if _, ok := unnamed[string(n[1])]; !ok {
				t.Errorf("sentence %s names %s, which the suite has not", number, n[1])
			}
			unnamed[string(n[1])] = false
		}
	}
	for name, yes := range unnamed {
		if yes {
			t.Errorf("no sentence is shown by %s", name)
		}
	}
}
