package main

import (
	"encoding/json"
	"fmt"

	"github.com/corechan/corechan/internal/doctor"
)

type doctorCmd struct {
	JSON  bool   `name:"json" xor:"form" help:"Print one JSON array of findings, or of what --fix would do, and nothing else."`
	Brief bool   `xor:"form,fix" help:"Print one line a finding: not what it is for, nor how to get it."`
	Fix   bool   `xor:"fix" help:"Print, and never run, the commands that would prepare the machine, with what each gives."`
	Cores string `placeholder:"LIST" help:"Of --fix: the cores to prepare, such as 2-3. Default: the second half."`
}

// Help is the long help.
func (doctorCmd) Help() string {
	return `Looks at kernel features, cores, clock, memory, limits and privileges. Nothing is changed. Each finding is ok, warn (it
costs speed, steadiness or room), missing (what needs it does without, or is refused) or unknown, and says what it
is for and how to get it.

With --fix it prints a shell script for the cores that your programs are to have: clock rate, sleep states, interrupts, isolation, huge
pages, limits, boot options. What is so already is left out and named at the end. Nothing is run: read it, and run what you want, as
root.

JSON: an array of objects with group, name, value, status, why, and fix where there is something to do; with --fix of objects with name,
gives, status (ok: so already, warn: to be done, unknown: not to be chosen here), now, commands, boot.

Examples:

  corechan doctor
  corechan doctor --brief
  corechan doctor --fix --cores 2-3
  corechan doctor --json | jq '.[] | select(.status != "ok")'`
}

// Run looks at the machine and prints what it finds.
func (d *doctorCmd) Run(a *app) error {
	switch {
	case d.Fix:
		return d.fix(a)
	case d.Cores != "":
		return fmt.Errorf("doctor: %w: --cores goes with --fix", errUsage)
	}
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
