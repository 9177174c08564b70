package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCmd struct{}

// Run prints one line, for instance: corechan v0.1.0 (revision 1a2b3c4, go1.26, linux/amd64).
func (versionCmd) Run(a *app) error {
	version, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = "revision " + s.Value[:min(len(s.Value), 12)] + revision
			case s.Key == "vcs.modified" && s.Value == "true":
				revision += " modified"
			}
		}
	}
	if revision != "" {
		revision += ", "
	}
	_, err := fmt.Fprintf(a.stdout, "corechan %s (%s%s, %s/%s)\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
