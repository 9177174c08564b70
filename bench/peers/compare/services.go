package compare

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/corechan/corechan/bench/peers/services"
)

// Services is the comparison of generated services: the same messages, the same service.
type Services struct {
	Case        CaseReport      `json:"case"`
	Costs       []services.Cost `json:"costs"`
	NotMeasured []NotMeasured   `json:"not_measured,omitempty"`
}

// RunServices compares services. dir is for programs and sockets.
func RunServices(ctx context.Context, o *Options, dir string) (*Services, error) {
	progress := func(part float64, what string) {
		if o.Progress != nil {
			o.Progress(1, "services: "+what) // the last of all
		}
	}
	progress(0, "building a program for each")
	programs := services.NewPrograms(dir)
	mine := *o
	mine.Entries = programs.Entries()
	s := &Services{}
	var err error
	if s.Costs, err = programs.Costs(); err != nil {
		return nil, err
	}
	c, missed, err := runCase(ctx, services.Case, &mine, dir, progress)
	if err != nil {
		return nil, err
	}
	s.Case, s.NotMeasured = *c, missed
	return s, nil
}

const servicesTitle = "Generated services: Place(Order) returns a Fill"

// Print writes it for a terminal.
func (s *Services) Print(w io.Writer) error {
	fmt.Fprintf(w, "\n%s; the limit (%s): %s\n", servicesTitle, s.Case.Limit.Name, figure(s.Case.Kind, s.Case.Limit.Figure))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\t\tp50\tx limit\tleast\tmost\tp99\tCPU each\tallocs\t")
	for _, row := range s.Case.Rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", row.Name, row.Network, duration(row.Figure), ratio(row.Ratio), ratio(row.Least),
			ratio(row.Most), p99(row.P99), duration(row.CPU), count(row.Allocs))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tgenerated lines\tbinary, beside the harness\twhole\t")
	for _, c := range s.Costs {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t\n", c.System, c.Lines, memoryText(c.Bytes), memoryText(c.Whole))
	}
	return t.Flush()
}

func (s *Services) markdown(w io.Writer) {
	fmt.Fprintf(w, "\n## %s\n\nThe limit (%s): %s.\n\n| | over | p50 | times the limit | least, most | p99 | CPU each | allocs |\n|---|---|--:|--:|--:|--:|--:|--:|\n",
		servicesTitle, s.Case.Limit.Name, figure(s.Case.Kind, s.Case.Limit.Figure))
	for _, row := range s.Case.Rows {
		name := row.Name
		if row.Ours {
			name = "**" + name + "**"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s, %s | %s | %s | %s |\n", name, row.Network, duration(row.Figure), ratio(row.Ratio), ratio(row.Least),
			ratio(row.Most), p99(row.P99), duration(row.CPU), count(row.Allocs))
	}
	fmt.Fprintln(w, "\n| | generated lines | binary, beside the harness | whole |\n|---|--:|--:|--:|")
	for _, c := range s.Costs {
		fmt.Fprintf(w, "| %s | %d | %s | %s |\n", c.System, c.Lines, memoryText(c.Bytes), memoryText(c.Whole))
	}
}
