package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set when a release is built: -ldflags "-X main.version=1.2.3".
var version = "0.1.0-dev"

type versionCommand struct {
	JSON bool `help:"Print JSON."`
}

func (v versionCommand) Run(std streams) error {
	if v.JSON {
		return json.NewEncoder(std.out).Encode(map[string]string{"version": version, "commit": commit(), "go": runtime.Version()})
	}
	_, err := fmt.Fprintf(std.out, "beckon %s (%s, %s)\n", version, commit(), runtime.Version())
	return err
}

// commit is the revision that the build was made from, where Go recorded it.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value[:min(len(s.Value), 12)]
			}
		}
	}
	return "unknown commit"
}
