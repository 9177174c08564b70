package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/corechan/corechan/perf/probe"
)

// liveModel is the live view. All its methods run on one goroutine, that of the bubbletea program; looks at messages are taken on others.
type liveModel struct {
	ctx      context.Context
	start    func(probe.Config) (*probe.Probe, error)
	probe    *probe.Probe
	config   probe.Config
	interval time.Duration
	width    int
	height   int
	messages liveMessages

	base   *probe.Snapshot // what is shown came after it
	last   *probe.Snapshot
	shown  *probe.Snapshot
	since  bool // count since the last reset, not since the last interval
	paused bool
	order  int // index into liveOrders
	typing bool
	typed  string
	err    error  // ends the program
	note   string // of the last key
}

// liveOrders are the ways to sort; the first is by core.
var liveOrders = [...]struct {
	name string
	by   func(*traceRow) float64
}{
	{"core", func(r *traceRow) float64 { return -float64(r.core) }},
	{"longest wait after a wake", func(r *traceRow) float64 { return float64(r.woken.Max()) }},
	{"time preempted", func(r *traceRow) float64 { return float64(r.preempted.Sum()) }},
	{"time stolen", func(r *traceRow) float64 { return float64(r.stolenSum() + r.steal) }},
	{"page faults", func(r *traceRow) float64 { return float64(r.faults) }},
}

type liveTick struct{}

// traceLive shows the live view until the user ends it. It takes over the Probe.
func traceLive(a *app, p *probe.Probe, config probe.Config, interval time.Duration, messages bool) error {
	m := &liveModel{ctx: a.ctx, start: probe.Start, probe: p, config: config, interval: interval, width: 120, height: 40}
	defer func() {
		m.messages.end()
		m.probe.Close()
	}()
	if messages {
		m.messages.begin(a.ctx)
	}
	_, err := tea.NewProgram(m, tea.WithContext(a.ctx), tea.WithOutput(a.stdout), tea.WithFPS(10)).Run()
	if m.err != nil && a.ctx.Err() == nil {
		return m.err
	}
	if errors.Is(err, tea.ErrProgramKilled) && a.ctx.Err() != nil || errors.Is(err, tea.ErrInterrupted) {
		return nil // Ctrl-C is how it ends
	}
	return err
}

// Init takes the first snapshot.
func (m *liveModel) Init() tea.Cmd {
	m.restart()
	return m.tick()
}

func (m *liveModel) tick() tea.Cmd {
	return tea.Tick(m.interval, func(time.Time) tea.Msg { return liveTick{} })
}

// restart counts from now on.
func (m *liveModel) restart() {
	s, err := m.probe.Snapshot()
	if err != nil {
		m.err = err
		return
	}
	m.base, m.last, m.shown = s, s, s.Sub(s)
}

// Update takes a message of the terminal or the clock.
func (m *liveModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case liveTick:
		m.sample()
		cmd = tea.Batch(m.tick(), m.messages.look())
	case liveLooked:
		m.err = m.messages.looked(msg, m.paused, m.since)
	case tea.KeyPressMsg:
		if m.key(msg.String()) {
			return m, tea.Quit
		}
	}
	if m.err != nil {
		return m, tea.Quit
	}
	return m, cmd
}

// sample looks at what was counted. While paused it still does, so that nothing piles up for the first interval after it.
func (m *liveModel) sample() {
	s, err := m.probe.Snapshot()
	if err != nil {
		m.err = err
		return
	}
	if !m.paused {
		from := m.last
		if m.since {
			from = m.base
		}
		m.shown = s.Sub(from)
	}
	m.last = s
}

// key does what a key is for, and says whether that is to end.
func (m *liveModel) key(key string) (quit bool) {
	m.note = ""
	switch {
	case key == "ctrl+c":
		return true
	case m.typing:
		m.typeDigit(key)
		return false
	}
	switch key {
	case "q", "esc":
		return true
	case "p", "space":
		m.paused = !m.paused
	case "s":
		m.order = (m.order + 1) % len(liveOrders)
	case "r":
		m.since = true
		m.restart()
		m.messages.restart()
	case "m":
		if m.messages.on() {
			m.messages.end()
		} else {
			m.messages.begin(m.ctx)
		}
	case "i":
		m.since = false
	case "f":
		m.typing, m.typed = true, ""
	}
	return false
}

// typeDigit takes one key of a process id.
func (m *liveModel) typeDigit(key string) {
	switch {
	case key == "esc":
		m.typing = false
	case key == "backspace" && m.typed != "":
		m.typed = m.typed[:len(m.typed)-1]
	case key == "enter":
		m.typing = false
		m.follow()
	case len(key) == 1 && key[0] >= '0' && key[0] <= '9' && len(m.typed) < 10:
		m.typed += key
	}
}

// follow starts to follow the process that was typed, or every process if none was. If that fails, what was followed still is.
func (m *liveModel) follow() {
	config := m.config
	config.PIDs = nil
	if m.typed != "" {
		pid, err := strconv.Atoi(m.typed)
		if err != nil {
			m.note = fmt.Sprintf("%q is no process id", m.typed)
			return
		}
		config.PIDs = []int{pid}
	}
	p, err := m.start(config)
	if err != nil {
		m.note = err.Error()
		return
	}
	avoidPinnedCores(config.PIDs)
	m.probe.Close()
	m.probe, m.config = p, config
	m.restart()
}

// View draws the screen.
func (m *liveModel) View() tea.View {
	var b strings.Builder
	if m.shown != nil {
		m.draw(&b)
	}
	var out strings.Builder
	n := 0
	for line := range strings.Lines(b.String()) {
		if n++; n > m.height-2 {
			break
		}
		out.WriteString(fit(strings.TrimRight(line, "\n"), m.width) + "\n")
	}
	out.WriteString("\n" + fit(m.help(), m.width))
	v := tea.NewView(out.String())
	v.AltScreen = true
	return v
}

func (m *liveModel) draw(b *strings.Builder) {
	what := "every process"
	if len(m.config.PIDs) > 0 {
		what = "process " + strings.Trim(fmt.Sprint(m.config.PIDs), "[]")
	}
	state := fmt.Sprintf("last %v", m.shown.Span.Round(time.Millisecond))
	if m.since {
		state = fmt.Sprintf("%v since reset", m.shown.Span.Round(time.Second))
	}
	if m.paused {
		state += ", paused"
	}
	fmt.Fprintf(b, "%s  %s, %s, by %s\n\n", m.shown.Time.Format(time.TimeOnly), what, state, liveOrders[m.order].name)
	rows := traceRows(m.shown)
	by := liveOrders[m.order].by
	slices.SortStableFunc(rows, func(x, y traceRow) int { return cmp.Compare(by(&y), by(&x)) })
	t := newTable()
	fmt.Fprintln(t, traceHeader())
	for i := range rows {
		fmt.Fprintln(t, rows[i].text())
	}
	t.print(b)
	fmt.Fprintf(b, "\nstolen: V vectors, I interrupts, S softirqs, O entering and leaving, H hypervisor\n")
	for i := range rows {
		fmt.Fprintf(b, "%4d %s\n", rows[i].core, rows[i].bar(min(60, m.width-8)))
	}
	m.messages.draw(b, m.config.PIDs)
	for _, t := range traceTables(m.shown) {
		if t.text != nil {
			fmt.Fprintln(b)
			t.print(b)
		}
	}
	for _, line := range traceNotes(m.shown, m.config.InterruptCost, m.probe.Status()) {
		fmt.Fprintf(b, "\n%s\n", line)
	}
}

func (m *liveModel) help() string {
	switch {
	case m.typing:
		return "follow process (none: every process), then enter: " + m.typed
	case m.note != "":
		return m.note
	}
	return "q quit  p pause  s sort  r reset  i each interval  f follow a process  m messages"
}

// barFull is the share of time that fills a bar: more would be a disaster anyway.
const barFull = 0.25

// bar is the stolen time by source, a full one a quarter of the time.
func (r *traceRow) bar(width int) string {
	var b strings.Builder
	parts := []struct {
		letter string
		time   time.Duration
	}{
		{"V", r.stolen[stolenVectors]},
		{"I", r.stolen[stolenHard]},
		{"S", r.stolen[stolenSoft]},
		{"O", r.stolen[stolenOutside]},
		{"H", r.steal},
	}
	left := max(width, 0)
	for _, p := range parts {
		if r.span <= 0 {
			break
		}
		n := min(int(float64(p.time)/float64(r.span)/barFull*float64(width)+0.5), left)
		b.WriteString(strings.Repeat(p.letter, n))
		left -= n
	}
	return b.String() + strings.Repeat(".", left)
}

// fit cuts a line to the screen.
func fit(line string, width int) string {
	if r := []rune(line); len(r) > width {
		return string(r[:max(width, 0)])
	}
	return line
}
