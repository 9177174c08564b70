package main

import (
	"encoding/json"

	"github.com/corechan/corechan/internal/doctor"
)

type doctorCmd struct {
	JSON  bool `name:"json" xor:"form" help:"Print one JSON array of findings and nothing else."`
	Brief bool `xor:"form" help:"Print one line a finding: not what it is for, nor how to get it."`
}

// Help is the long help.
func (doctorCmd) Help() string {
	return `Looks at kernel features, cores, clock, memory, limits and privileges. Nothing is changed. Each finding is ok, warn (it
costs speed, steadiness or room), missing (what needs it does without, or is refused) or unknown, and says what it
is for and how to get it.

JSON: an array of objects with group, name, value, status, why, and fix where there is something to do.

Examples:

  corechan doctor
  corechan doctor --brief
  corechan doctor --json | jq '.[] | select(.status != "ok")'`
}

// Run looks at the machine and prints what it finds.
func (d *doctorCmd) Run(a *app) error {
	findings := doctor.Run(a.ctx)
	if err := a.ctx.Err(); err != nil {
		return err
	}
	if !d.JSON {
		return doctor.Print(a.stdout, findings, &doctor.PrintOptions{Brief: d.Brief})
	}
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(findings)
}
