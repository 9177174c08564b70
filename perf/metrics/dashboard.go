package metrics

import (
	"encoding/json"
	"fmt"
	"strings"
)

//go:generate go run ./internal/dashboard grafana.json

// Dashboard returns a dashboard for Grafana 10 or newer, as JSON: a panel for each metric.
func Dashboard() ([]byte, error) {
	board := dashboard{
		Title: "corechan", UID: "corechan", Tags: []string{"corechan"}, SchemaVersion: 39, Refresh: "10s", Editable: true,
		Time: span{"now-15m", "now"},
		Templating: templating{[]variable{{
			Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus",
		}}},
	}
	row, column, y := "", 0, 0
	add := func(p gridPanel) {
		if column == columns {
			column, y = 0, y+panelHeight
		}
		p.ID, p.Grid = len(board.Panels)+1, grid{panelHeight, 24 / columns, column * 24 / columns, y}
		board.Panels = append(board.Panels, p)
		column++
	}
	for _, d := range definitions() {
		if d.row != row {
			if row != "" {
				y += panelHeight
			}
			row, column = d.row, 0
			board.Panels = append(board.Panels, gridPanel{ID: len(board.Panels) + 1, Type: "row", Title: row, Grid: grid{1, 24, 0, y}})
			y++
		}
		add(panelOf(d.title, d.help, d.unit, queries(&d)))
		if d.share != "" {
			add(panelOf(d.share, d.help, "percentunit", shares(&d)))
		}
	}
	b, err := json.MarshalIndent(board, "", "  ")
	return append(b, '\n'), err
}

const (
	columns     = 3
	panelHeight = 7
)

func panelOf(title, help, unit string, list []query) gridPanel {
	p := gridPanel{
		Type: "timeseries", Title: title, Description: help, Source: &source{"prometheus", "${datasource}"},
		Field: &field{Defaults: defaults{Unit: unit, Min: new(float64)}},
	}
	for i, q := range list {
		p.Targets = append(p.Targets, target{Source: p.Source, Expr: q.expr, Legend: q.legend, Ref: string(rune('A' + i))})
	}
	return p
}

type query struct{ expr, legend string }

// queries are what a panel shows of a metric. A histogram is in the database in its native form, or in its classic one, or in both: the
// native one comes first.
func queries(d *definition) []query {
	by, legend := strings.Join(d.labels, ", "), legendOf(d)
	sum := "sum"
	if by != "" {
		sum = fmt.Sprintf("sum by (%s)", by)
	}
	switch d.kind {
	case gauge:
		return []query{{fmt.Sprintf("%s (%s)", sum, d.name), name(legend, d)}}
	case counter:
		return []query{{fmt.Sprintf("%s (rate(%s[$__rate_interval]))", sum, d.name), name(legend, d)}}
	}
	classic := "sum by (le)"
	if by != "" {
		classic = fmt.Sprintf("sum by (le, %s)", by)
	}
	var all []query
	for _, q := range []struct{ q, name string }{{"0.5", "p50"}, {"0.99", "p99"}, {"0.999", "p99.9"}} {
		all = append(all, query{
			fmt.Sprintf("histogram_quantile(%s, %s (rate(%s[$__rate_interval]))) or histogram_quantile(%s, %s (rate(%s_bucket[$__rate_interval])))",
				q.q, sum, d.name, q.q, classic, d.name), q.name + legend,
		})
	}
	return all
}

// shares are what share of time a histogram's durations take.
func shares(d *definition) []query {
	by := strings.Join(d.labels, ", ")
	return []query{{
		fmt.Sprintf("sum by (%s) (histogram_sum(rate(%s[$__rate_interval]))) or sum by (%s) (rate(%s_sum[$__rate_interval]))", by, d.name, by, d.name),
		name(legendOf(d), d),
	}}
}

func legendOf(d *definition) (legend string) {
	for _, l := range d.labels {
		legend += fmt.Sprintf(" {{%s}}", l)
	}
	return legend
}

func name(legend string, d *definition) string {
	if legend == "" {
		return d.title
	}
	return strings.TrimSpace(legend)
}

// The parts of a dashboard that are used here, as Grafana writes them; see "Dashboard JSON model" in its documentation.
type (
	dashboard struct {
		Title         string      `json:"title"`
		UID           string      `json:"uid"`
		Tags          []string    `json:"tags"`
		SchemaVersion int         `json:"schemaVersion"`
		Refresh       string      `json:"refresh"`
		Editable      bool        `json:"editable"`
		Time          span        `json:"time"`
		Templating    templating  `json:"templating"`
		Panels        []gridPanel `json:"panels"`
	}
	span struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	templating struct {
		List []variable `json:"list"`
	}
	variable struct {
		Name  string `json:"name"`
		Label string `json:"label"`
		Type  string `json:"type"`
		Query string `json:"query"`
	}
	gridPanel struct {
		ID          int      `json:"id"`
		Type        string   `json:"type"`
		Title       string   `json:"title"`
		Description string   `json:"description,omitempty"`
		Grid        grid     `json:"gridPos"`
		Source      *source  `json:"datasource,omitempty"`
		Field       *field   `json:"fieldConfig,omitempty"`
		Targets     []target `json:"targets,omitempty"`
	}
	grid struct {
		H int `json:"h"`
		W int `json:"w"`
		X int `json:"x"`
		Y int `json:"y"`
	}
	source struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	}
	field struct {
		Defaults defaults `json:"defaults"`
	}
	defaults struct {
		Unit string   `json:"unit"`
		Min  *float64 `json:"min"`
	}
	target struct {
		Source *source `json:"datasource"`
		Expr   string  `json:"expr"`
		Legend string  `json:"legendFormat"`
		Ref    string  `json:"refId"`
	}
)
