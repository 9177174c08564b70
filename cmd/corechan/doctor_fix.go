package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/corechan/corechan/internal/doctor"
)

// fix prints what would prepare the machine.
func (d *doctorCmd) fix(a *app) error {
	cores, all, err := doctor.ThisHost().Remedies(a.ctx, d.Cores)
	if errors.Is(err, doctor.ErrNoCores) {
		err = fmt.Errorf("%w: %w", errUsage, err)
	}
	if err != nil {
		return fmt.Errorf("doctor: %w", err)
	}
	if !d.JSON {
		return doctor.PrintRemedies(a.stdout, cores, all)
	}
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}
