package main

import (
	"context"
	"encoding/json"
	"os"
	"os/signal"

	"github.com/corechan/corechan/bench/peers/compare"
)

// servicesCommand compares generated services alone.
type servicesCommand struct {
	Cores string `help:"The two cores, such as 0,1; by default the first two."`
	JSON  bool   `help:"Print JSON instead of a table."`
}

func (s *servicesCommand) Run() error {
	o, err := (&compareCommand{Cores: s.Cores}).options()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "corechan-peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var clear func()
	o.Progress, clear = progress()
	r, err := compare.RunServices(ctx, o, dir)
	clear()
	if err != nil {
		return err
	}
	if s.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "\t")
		return e.Encode(r)
	}
	return r.Print(os.Stdout)
}
