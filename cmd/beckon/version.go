package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is that of the release: -ldflags "-X main.released=1.2.3" sets it. Without that it is the one that Go has
// recorded of the tag that the build was made from.
var version = cmp.Or(released, recordedVersion(), "0.0.0-dev")

// released is set when a release is built.
var released string

func recordedVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}

type versionCommand struct {
	JSON bool `help:"Print JSON."`
}

func (v versionCommand) Run(std streams) error {
	if v.JSON {
		return json.NewEncoder(std.out).Encode(map[string]string{
			"version": version,
			"commit":  commit(),
			"go":      runtime.Version(),
		})
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
