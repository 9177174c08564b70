package services

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestGeneratedLinesAreCounted(t *testing.T) {
	for _, s := range systems {
		lines, err := generatedLines(s.folder)
		if err != nil {
			t.Fatal(err)
		}
		if generates := s.folder != "netrpc"; generates != (lines > 0) || lines > 2000 {
			t.Errorf("%s: %d lines", s.name, lines)
		}
	}
	if _, err := generatedLines("nothing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestEverySystemHasAnEntryAndAProgram(t *testing.T) {
	p := NewPrograms(t.TempDir())
	if entries := p.Entries(); len(entries) != 3+len(systems) {
		t.Errorf("%d entries", len(entries))
	}
	if _, err := p.Build("nothing"); err == nil {
		t.Error("a system that there is none of was built")
	}
	if os.Getenv("CORECHAN_SOAK") == "" {
		return // building takes a minute
	}
	costs, err := p.Costs()
	if err != nil || len(costs) != len(systems) {
		t.Fatalf("%+v, %v", costs, err)
	}
	for _, c := range costs {
		if c.Bytes <= 0 || c.Whole <= c.Bytes {
			t.Errorf("%+v", c)
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, "service-grpc")); err != nil {
		t.Error(err)
	}
}
