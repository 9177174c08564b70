package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTheMachinesPreparationIsPrinted(t *testing.T) {
	needTwoCores(t)
	code, out, errOut := corechan(t, "doctor", "--fix")
	if code != exitOK || errOut != "" || !strings.HasPrefix(out, "#!/bin/sh\n") || !strings.Contains(out, "Nothing was run") {
		t.Errorf("exit code %d, %s%s", code, out, errOut)
	}
	code, out, _ = corechan(t, "doctor", "--fix", "--cores", "1", "--json")
	var all []struct{ Name, Gives, Status string }
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != exitOK || len(all) < 10 || all[0].Gives == "" {
		t.Errorf("exit code %d, %v, %s", code, err, out)
	}
	for args, says := range map[string]string{
		"--fix --cores 4000": "no core 4000", "--fix --cores x": "list of cores", "--cores 1": "--fix", "--fix --brief": "brief",
	} {
		code, out, errOut := corechan(t, append([]string{"doctor"}, strings.Fields(args)...)...)
		if code != exitUsage || out != "" || !strings.Contains(errOut, says) {
			t.Errorf("%s: exit code %d, %s, %q does not say %q", args, code, out, errOut, says)
		}
	}
}
