package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// topModel is the live view of top. All its methods run on one goroutine, that of the bubbletea program; looks are taken on others.
type topModel struct {
	ctx      context.Context
	look     func(context.Context) (*topLook, error)
	interval time.Duration
	width    int
	height   int

	before, now *topLook // what is shown came between them; nil before the first look
	view        topView
	order       int // index into topOrders
	first       int // the row at the top
	paused      bool
	err         error // ends the program
}

// topOrders are the ways to sort; the first is as they come: by process and session.
var topOrders = [...]struct {
	name string
	by   func(*topRow) float64
}{
	{"process", func(r *topRow) float64 { return -float64(r.pid) }},
	{"bytes", func(r *topRow) float64 { return r.bytes }},
	{"frames", func(r *topRow) float64 { return r.frames }},
	{"queued", func(r *topRow) float64 { return r.queued }},
	{"time waited", func(r *topRow) float64 { return r.waited }},
}

var topViews = [...]topView{viewSessions, viewChannels, viewProcesses}

// A topLooked is a look that was taken.
type topLooked struct {
	look *topLook
	err  error
}

// topLive shows the live view until the user ends it.
func topLive(a *app, look func(context.Context) (*topLook, error), view topView, interval time.Duration) error {
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel() // a look under way
	m := &topModel{ctx: ctx, look: look, interval: interval, view: view, width: 120, height: 40}
	_, err := tea.NewProgram(m, tea.WithContext(a.ctx), tea.WithOutput(a.stdout), tea.WithFPS(10)).Run()
	if m.err != nil && a.ctx.Err() == nil {
		return m.err
	}
	if errors.Is(err, tea.ErrProgramKilled) && a.ctx.Err() != nil || errors.Is(err, tea.ErrInterrupted) {
		return nil // Ctrl-C is how it ends
	}
	return err
}

// Init takes the first look.
func (m *topModel) Init() tea.Cmd { return m.takeLook }

func (m *topModel) takeLook() tea.Msg {
	l, err := m.look(m.ctx)
	return topLooked{l, err}
}

type topTick struct{}

// Update takes a message of the terminal, the clock or a look.
func (m *topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case topTick:
		return m, m.takeLook
	case topLooked:
		if msg.err != nil {
			m.err = msg.err
			return m, tea.Quit
		}
		if !m.paused {
			if m.before = m.now; m.before == nil {
				m.before = msg.look
			}
			m.now = msg.look
		}
		return m, tea.Tick(m.interval, func(time.Time) tea.Msg { return topTick{} })
	case tea.KeyPressMsg:
		if m.key(msg.String()) {
			return m, tea.Quit
		}
	}
	return m, nil
}

// key does what a key is for, and says whether that is to end.
func (m *topModel) key(key string) (quit bool) {
	switch key {
	case "ctrl+c", "q", "esc":
		return true
	case "p", "space":
		m.paused = !m.paused
	case "s":
		m.order = (m.order + 1) % len(topOrders)
	case "v", "tab":
		m.view = topViews[(slices.Index(topViews[:], m.view)+1)%len(topViews)]
		m.first = 0
	case "down", "j":
		m.first++
	case "up", "k":
		m.first--
	case "pgdown":
		m.first += m.height
	case "pgup":
		m.first -= m.height
	}
	return false
}

// View draws the screen.
func (m *topModel) View() tea.View {
	var lines []string
	if m.now != nil {
		lines = m.draw()
	}
	if most := max(m.height-2, 0); len(lines) > most {
		lines = lines[:most]
	}
	lines = append(lines, "", "q quit  v sessions, channels or processes  s sort  p pause  up down scroll")
	for i := range lines {
		lines[i] = fit(lines[i], m.width)
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	return v
}

func (m *topModel) draw() []string {
	rows := topRows(m.view, m.before, m.now)
	by := topOrders[m.order].by
	slices.SortStableFunc(rows, func(x, y topRow) int { return cmp.Compare(by(&y), by(&x)) })
	m.first = max(min(m.first, len(rows)-1), 0)
	state := ""
	if m.first > 0 {
		state = fmt.Sprintf(", from row %d of %d", m.first+1, len(rows))
	}
	if m.paused {
		state += ", paused"
	}
	lines := []string{
		fmt.Sprintf("%s  %s, by %s: %s%s", m.now.Time.Format(time.TimeOnly), m.view, topOrders[m.order].name, topTotals(m.now), state), "",
	}
	// What does not fit is not laid out: a process may have thousands of channels.
	shown := rows[m.first:min(len(rows), m.first+max(m.height, 0))]
	var b strings.Builder
	t := newTable()
	fmt.Fprintln(t, topHeader(m.view))
	for i := range shown {
		fmt.Fprintln(t, strings.Join(shown[i].cells, "\t")+"\t")
	}
	t.print(&b)
	lines = append(lines, strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")...)
	if notes := topNotes(m.now); len(notes) > 0 {
		// Above the rows' end, so that a full screen does not hide them.
		if room := max(m.height-2-len(notes)-1, 3); len(lines) > room {
			lines = lines[:room]
		}
		lines = append(append(lines, ""), notes...)
	}
	return lines
}
