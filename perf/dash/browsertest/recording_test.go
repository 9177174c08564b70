package browsertest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// openFile opens a file in the page.
func (b *tab) openFile(path string) {
	b.t.Helper()
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{path}))
}

func TestARecordingIsSavedOpenedAndCompared(t *testing.T) {
	s := startServer(t, freeAddr(), nil, "--interval", "100ms")
	b := openTab(t)
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.url))
	b.until("health", "has samples", func(string) bool { return b.samples() > 5 })
	save := func() string {
		t.Helper()
		eval[bool](b, `document.getElementById('save').click(), true`)
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			now, _ := filepath.Glob(filepath.Join(b.downloads, "*.jsonl"))
			if len(now) > 0 {
				to := filepath.Join(t.TempDir(), filepath.Base(now[0]))
				if err := os.Rename(now[0], to); err != nil {
					t.Fatal(err)
				}
				return to
			}
		}
		t.Fatal("nothing is saved")
		return ""
	}
	first := save()
	b.says("said", "Saved ", filepath.Base(first))
	n := len(strings.Split(strings.TrimSpace(string(must(os.ReadFile(first)))), "\n")) - 1
	startSpinner(t, disturbed)
	at := b.samples()
	b.until("health", "has more samples", func(string) bool { return b.samples() > at+10 })
	second := save()

	s.kill() // recordings need no server
	b.do(chromedp.Navigate("about:blank"))
	again := startServer(t, freeAddr(), nil, "--groups", "steal")
	b.do(chromedp.Navigate(again.url))
	b.says("state", "live")
	b.openFile(first)
	b.says("said", fmt.Sprintf("Opened %d samples", n))
	b.says("pane-main", filepath.Base(first))
	b.says("headline", "from ")
	if got := b.samples(); got != n {
		t.Errorf("%d samples are shown, and %d were saved", got, n)
	}
	b.openFile(second)
	b.says("pane-beside", filepath.Base(second))
	b.says("difference", "core 0", "preempted", "points", "beside")
	b.says("details", "Beside it: ")
	b.settle()
	b.shoot("dash-compare")

	// What was opened is saved as it was.
	if saved := save(); string(must(os.ReadFile(saved))) != string(must(os.ReadFile(first))) {
		t.Error("a recording that was opened and saved is another one")
	}
}

// message is a line of a recording, to be made wrong.
type message map[string]any

func recordingOf(lines ...message) string {
	var b strings.Builder
	for _, l := range lines {
		b.Write(must(json.Marshal(l)))
		b.WriteByte('\n')
	}
	return b.String()
}

func about() message {
	return message{
		"kind": "about", "version": 1, "run": "r", "began": "2026-01-02T03:04:05Z", "host": "h", "kernel": "k", "follows": "all", "interval_ns": 1e9,
		"interrupt_cost_ns": 0, "status": []any{},
	}
}

func sample(seq int, timeMs int64) message {
	return message{
		"kind": "sample", "seq": seq, "at_ns": seq * 1e9, "time_ms": timeMs, "span_ns": 1e9,
		"cores": []any{message{
			"id": 3, "steal_ns": 5e8, "by": []any{message{"tid": 1, "pid": 1, "name": "<img src=x onerror=alert(1)>\u202e", "n": 1, "ns": 4e8}},
			"waits": message{"preempted": message{"n": 1, "sum": 6e8, "max": 6e8, "b": []int{800, 1}}},
		}},
	}
}

func TestAFileThatIsNoRecordingIsRefusedAndSaysWhy(t *testing.T) {
	s := startServer(t, freeAddr(), nil, "--groups", "steal")
	b := openTab(t)
	b.do(chromedp.Navigate(s.url))
	b.says("state", "live")
	with := func(m message, key string, v any) message { m[key] = v; return m }
	core := func(key string, v any) message {
		return with(sample(1, 1e12), "cores", []any{message{"id": 0, key: v}})
	}
	for i, test := range []struct{ content, says string }{
		{"", "it has no samples"},
		{"hello", "line 1: "},
		{"\x00\xff\xfe", "cannot be opened"},
		{recordingOf(about()), "it has no samples"},
		{recordingOf(sample(1, 1e12)), "line 1: samples come before"},
		{recordingOf(with(about(), "version", 99)), "version is 99"},
		{recordingOf(about(), with(sample(1, 1e12), "kind", "other")), "line 2: its kind"},
		{recordingOf(about(), with(sample(1, 1e12), "span_ns", 0)), "span_ns"},
		{recordingOf(about(), with(sample(1, 1e12), "seq", -1)), "seq is not a number"},
		{recordingOf(about(), with(sample(1, 1e12), "seq", "1")), "seq is not a number"},
		{recordingOf(about(), with(sample(1, 1e12), "cores", message{})), "cores is not a list"},
		{recordingOf(about(), with(sample(1, 1e12), "cores", make([]message, 5000))), "cores is not a list of at most"},
		{recordingOf(about(), core("waits", message{"woken": message{"n": 1, "sum": 1, "max": 1, "b": []int{1}}})), "made of pairs"},
		{recordingOf(about(), core("waits", message{"woken": message{"n": 1, "sum": 1, "max": 1, "b": []int{5, 1, 0, 1}}})), "not the way to another bucket"},
		{recordingOf(about(), core("waits", message{"woken": message{"n": 1, "sum": 1, "max": 1, "b": []int{1000, 1, 24, 1}}})), "not the way to another bucket"},
		{recordingOf(about(), core("steal_ns", "lots")), "cores[0].steal_ns"},
		{recordingOf(about(), core("by", []any{nil})), "by[0] is not an object"},
		{recordingOf(about(), with(sample(1, 1e12), "look", message{"span_ns": 1, "messages": []any{message{"core": -2}}})), "messages[0].core"},
		{recordingOf(about(), with(sample(1, 1e12), "look", message{"span_ns": 1, "messages": []any{message{"core": -1}}})), "messages[0].times is not an object"},
		{strings.Repeat("x", 3<<20), "too long"},
		{"[" + strings.Repeat("[", 100_000), "line 1: "},
	} {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("bad%d.jsonl", i))
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		b.openFile(path)
		b.says("said", fmt.Sprintf("bad%d.jsonl cannot be opened", i), test.says)
	}
	b.says("pane-main", "Live") // still
}

func TestAClockThatGoesBackIsSaidAndHarmsNothing(t *testing.T) {
	s := startServer(t, freeAddr(), nil, "--groups", "steal")
	b := openTab(t)
	b.do(chromedp.Navigate(s.url))
	b.says("state", "live")
	path := filepath.Join(t.TempDir(), "back.jsonl")
	content := recordingOf(about(), sample(1, 1_750_000_000_000), sample(2, 1_750_000_001_000), sample(3, 1_749_996_402_000), sample(7, 1_749_996_406_000))
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	b.openFile(path)
	b.says("said", "Opened 4 samples")
	b.says("headline", "Core 3", "from ", "other threads that ran instead")
	b.says("preemptors", "<img src=x onerror=alert(1)>?") // a name, and no markup; what turns text around is gone
	eval[bool](b, `document.querySelector('#pane-main canvas').focus(), true`)
	look := func(key string) string {
		eval[bool](b, fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: %q, bubbles: true})), true`, key))
		return eval[string](b, `document.querySelector('#pane-main .readout').textContent`)
	}
	if got := look("ArrowLeft"); !strings.Contains(got, "3 samples missing") {
		t.Error(got)
	}
	if got := look("ArrowLeft"); !strings.Contains(got, "the machine's clock was set back by 60 min") {
		t.Error(got)
	}
}
