package browsertest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// disturbed is the core that the tests disturb: the last one, as the first has most of the machine's own work.
const disturbed = 1

// samples returns how many samples the page has.
func (b *tab) samples() int {
	var n int
	for _, line := range strings.Split(b.text("health"), "\n") {
		if strings.Contains(line, " samples of ") {
			fmt.Sscanf(line, "%d samples", &n)
		}
	}
	return n
}

// theme has the page think that its reader likes it light, or dark.
func (b *tab) theme(scheme string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	b.settle()
}

// settle waits until what was changed is drawn.
func (b *tab) settle() {
	b.t.Helper()
	eval[bool](b, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
}

// TestThePageNamesADisturbance has a thread that spins on a core, and another one that comes to take half of it.
func TestThePageNamesADisturbance(t *testing.T) {
	needKernel(t)
	victim := startSpinner(t, disturbed)
	s := startServer(t, freeAddr(), nil, "--pid", strconv.Itoa(victim.Process.Pid), "--pinned", "--interval", "250ms")
	b := openTab(t)
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.url))
	b.says("state", "live")
	b.says("follows", "the pinned threads of disturb "+strconv.Itoa(victim.Process.Pid))
	competitor := startSpinner(t, disturbed)
	// Its thread has another id than the process. On a machine that does other things as well it need not be the first one that is named.
	row := regexp.MustCompile(fmt.Sprintf(`disturb \d+\s+%d\s+([\d.]+) %%\s+[\d.]+ m?s\s+\d+\s+%d\b`, disturbed, competitor.Process.Pid))
	b.until("preemptors", "names the competitor", func(s string) bool {
		found := row.FindStringSubmatch(s)
		return found != nil && must(strconv.ParseFloat(found[1], 64)) > 5
	})
	b.says("headline", fmt.Sprintf("Core %d lost", disturbed), "in the last", "other threads that ran instead: ", " of the core.")
	b.says("details", "isolcpus=", "The longest that a thread waited for a core was", fmt.Sprintf("on core %d", disturbed))
	b.says("pane-main", fmt.Sprintf("Core %d in the last ", disturbed), "preempted ")
	if got := eval[string](b, `document.getElementById('verdict').className`); got != "verdict hot" {
		t.Errorf("the verdict is %q", got)
	}
	before := b.samples()
	b.until("health", "has more samples", func(string) bool { return b.samples() > before+8 })

	for name, set := range map[string]func(){
		"dash":       func() { b.theme("light") },
		"dash-dark":  func() { b.theme("dark") },
		"dash-phone": func() { b.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2))); b.settle() },
	} {
		set()
		b.shoot(name)
		// Nothing is wider than the screen.
		if wide := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("%s: the page is %d pixels wider than the screen", name, wide)
		}
		if name == "dash-phone" {
			b.do(chromedp.EmulateViewport(1280, 900))
		}
	}
}

// TestNothingIsFetchedFromElsewhere also looks at what the policy kept from happening: see checkWrong.
func TestNothingIsFetchedFromElsewhere(t *testing.T) {
	s := startServer(t, freeAddr(), nil, "--interval", "100ms", "--groups", "steal,runtime")
	b := openTab(t)
	b.do(chromedp.Navigate(s.url))
	b.until("health", "has samples", func(string) bool { return b.samples() > 3 })
	b.mu.Lock()
	fetched := slices.Clone(b.fetched)
	b.mu.Unlock()
	if len(fetched) < 10 {
		t.Errorf("only %q were fetched", fetched)
	}
	for _, url := range fetched {
		if rest, _ := strings.CutPrefix(strings.TrimPrefix(url, "ws"), "http"); !strings.HasPrefix(rest, strings.TrimPrefix(s.url, "http")) {
			t.Error("fetched", url)
		}
	}
	if policy := eval[bool](b, `fetch('https://example.com/').then(() => true, () => false)`); policy {
		t.Error("the page may talk to another site")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrong = slices.DeleteFunc(b.wrong, func(s string) bool { return strings.Contains(s, "example.com") })
}

// TestThePageWorksByKeys never uses the mouse.
func TestThePageWorksByKeys(t *testing.T) {
	s := startServer(t, freeAddr(), nil, "--interval", "100ms", "--groups", "steal,runtime")
	b := openTab(t)
	b.do(chromedp.Navigate(s.url))
	b.until("health", "has samples", func(string) bool { return b.samples() > 5 })
	press := func(key string) {
		t.Helper()
		eval[bool](b, fmt.Sprintf(`(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', {key: %q, bubbles: true, cancelable: true})), true`, key))
		b.settle()
	}
	pressed := func() string { return eval[string](b, `document.getElementById('pause').getAttribute('aria-pressed')`) }
	press("p")
	if pressed() != "true" {
		t.Error("p does not pause")
	}
	press("n")
	if pressed() != "false" {
		t.Error("n does not go on")
	}
	press("t")
	if got := eval[string](b, `document.documentElement.dataset.theme`); got != "light" {
		t.Errorf("t makes the theme %q", got)
	}
	eval[bool](b, `document.querySelector('#pane-main canvas').focus(), true`)
	press("ArrowUp")
	if got := eval[string](b, `document.querySelector('#pane-main .readout').textContent`); !strings.HasPrefix(got, "Core 0, ") {
		t.Errorf("an arrow says %q", got)
	}
	press("Enter")
	b.says("headline", "from ")
	press("Escape")
	b.says("headline", "in the last ")
	// All that can be used can be reached, and has a name.
	if got := eval[string](b, `[...document.querySelectorAll('button, select, canvas, input')].filter((e) => !e.hidden && !e.textContent.trim() &&
		!e.getAttribute('aria-label') && !e.labels?.length && e.type !== 'file').map((e) => e.outerHTML).join()`); got != "" {
		t.Error("without a name:", got)
	}
}

// startTalk starts two processes that talk; it returns one of them.
func startTalk(t *testing.T) *exec.Cmd {
	t.Helper()
	// They would talk as fast as they can, and leave little to the browser.
	talk := exec.Command("nice", "-n", "19", built.corechan, "perf", "pingpong", "--wait", "block", "--seconds", "120", "--json")
	talk.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it starts the other one
	if err := talk.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-talk.Process.Pid, syscall.SIGKILL)
		_ = talk.Wait()
	})
	return talk
}

// TestSessionsAndChannelsAreShown has two processes that talk.
func TestSessionsAndChannelsAreShown(t *testing.T) {
	talk := startTalk(t)
	s := startServer(t, freeAddr(), nil, "--interval", "250ms", "--groups", "steal,runtime", "--pid", strconv.Itoa(talk.Process.Pid))
	b := openTab(t)
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.url))
	b.says("sessions", "corechan "+strconv.Itoa(talk.Process.Pid), "shm", "process ", "KiB", "→ ", "← ")
	b.settle()
	b.shoot("dash-sessions")
}

// TestMessagesAreShownAndKept looks at two processes that talk, and then at what was saved of it.
func TestMessagesAreShownAndKept(t *testing.T) {
	talk := startTalk(t)
	s := startServer(t, freeAddr(), nil, "--interval", "250ms", "--groups", "steal", "--messages", "--pid", strconv.Itoa(talk.Process.Pid))
	b := openTab(t)
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.url))
	me := "corechan " + strconv.Itoa(talk.Process.Pid)
	row := regexp.MustCompile(`shm\s+` + me + `\s+\d+\s+[\d.]+ ?[kM]?\s+[\d.]+ [nµm]s\s+[\d.]+ [nµm]s\s+[\d.]+ [nµm]s\s+[\d.]+ [nµm]s\s+0`)
	b.until("messages-table", "has a row of figures", func(s string) bool { return row.MatchString(s) })
	b.says("messages-legend", "over shm, to "+me)
	// inked says in how many columns of the chart there is something in the first line's colour.
	inked := func() int {
		return eval[int](b, `(() => {
			const c = document.getElementById('messages'), g = c.getContext('2d');
			const hex = getComputedStyle(document.documentElement).getPropertyValue('--series-doorbell').trim();
			const want = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
			const { data, width, height } = g.getImageData(0, 0, c.width, c.height), found = new Set();
			for (let i = 0; i < width * height; i++) if (want.every((v, k) => data[4 * i + k] === v)) found.add(i % width);
			return found.size;
		})()`)
	}
	picture := func() string { return eval[string](b, `document.getElementById('messages').toDataURL()`) }
	b.until("messages-legend", "belongs to a line", func(string) bool { return inked() > 10 })
	first, table := picture(), b.text("messages-table")
	b.until("messages-table", "has other figures", func(s string) bool { return s != table && picture() != first })
	at99 := picture()
	eval[bool](b, `(() => { const s = document.getElementById('quantile'); s.value = 3; s.onchange(); return true; })()`)
	b.settle()
	if picture() == at99 {
		t.Error("another percentile looks the same")
	}
	b.shoot("dash-messages")
	path := filepath.Join(t.TempDir(), "messages.jsonl")
	response := must(http.Get(s.url + "recording"))
	recording := must(io.ReadAll(response.Body))
	response.Body.Close()
	if err := os.WriteFile(path, recording, 0o600); err != nil {
		t.Fatal(err)
	}
	s.kill()

	again := startServer(t, freeAddr(), nil, "--groups", "steal", "--pid", strconv.Itoa(os.Getpid())) // stamps last longer than the server
	b.do(chromedp.Navigate(again.url))
	b.says("messages-table", "start corechan dash with --messages")
	b.openFile(path)
	b.until("messages-table", "has a row of figures", func(s string) bool { return row.MatchString(s) })
	b.says("messages-legend", "over shm, to "+me)
}

func TestGapsAreShown(t *testing.T) {
	needKernel(t)
	s := startServer(t, freeAddr(), nil, "--interval", "250ms", "--groups", "steal,runtime", "--poll", strconv.Itoa(disturbed))
	b := openTab(t)
	b.do(chromedp.Navigate(s.url))
	b.until("gaps", "has figures", func(s string) bool {
		_, row, _ := strings.Cut(s, "steal")
		fields := strings.Fields(row) // core, gaps, time and unit, ...
		return len(fields) > 8 && fields[0] == strconv.Itoa(disturbed) && fields[1] != "0" && strings.Contains(row, "(")
	})
}
