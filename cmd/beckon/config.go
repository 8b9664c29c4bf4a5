package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"beckon/gateway"
	"beckon/internal/config"
	"beckon/internal/problem"
	"beckon/safety"
)

const defaultConfigFile = "config.yaml"

// configFlag says where the configuration is.
type configFlag struct {
	Config string `help:"The configuration file. The default is config.yaml if it exists." placeholder:"FILE" type:"path"`
}

// path is the file to read; empty is none.
func (f configFlag) path() (string, error) {
	if f.Config != "" {
		return f.Config, nil
	}
	switch _, err := os.Stat(defaultConfigFile); {
	case err == nil:
		return defaultConfigFile, nil
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	default:
		return "", err
	}
}

// load reads the configuration with the environment over it.
func (f configFlag) load() (*config.Config, error) {
	path, err := f.path()
	if err != nil {
		return nil, err
	}
	return gateway.Load(path)
}

type configCommand struct {
	Check  checkCommand  `cmd:"" help:"Check the configuration file and list all mistakes."`
	Export exportCommand `cmd:"" help:"Print the active configuration, from the file and the database, as a file without secrets."`
}

type checkCommand struct {
	configFlag
	Database bool `help:"Check the database too: the file may refer to its resources, and their mistakes are listed."`
	Safety   bool `help:"Show for each client whether its input is untrusted, its agents see private data, and they can act outside; fail if one has all three without approval."`
	JSON     bool `help:"Print JSON."`
}

// Run checks without changing anything: the database is only opened when it is asked for, since that migrates it.
func (k checkCommand) Run(std streams) error {
	path, err := k.path()
	if err != nil {
		return err
	}
	v, err := gateway.Check(context.Background(), path, k.Database)
	mistakes, _ := errors.AsType[*config.Error](err)
	var warnings, cautions []problem.Finding
	if err == nil {
		c, again := gateway.Load(path)
		if again != nil {
			return again // the file has changed meanwhile
		}
		warnings = v.Warnings()
		cautions = slices.Concat(v.Cautions(), gateway.Unpriced(v), safety.UnusedTools(v),
			c.UnusedVariables(os.Environ()))
	}
	switch {
	case k.JSON && (err == nil || mistakes != nil):
		var legs []clientLegs
		if k.Safety && err == nil {
			legs = legsOf(v)
		}
		return printMistakes(std, mistakes, warnings, cautions, legs)
	case err == nil:
		_, err = fmt.Fprintf(std.out, "%s is good\n", cmp.Or(path, "the configuration without a file"))
		for _, w := range warnings {
			std.notice(fmt.Sprintf("the database's %s %q is not active: %v", strings.TrimSuffix(w.Section, "s"), w.ID, w.Fields.Err()))
		}
		for _, w := range cautions {
			std.notice(fmt.Sprintf("the %s %q should be changed: %v",
				strings.TrimSuffix(w.Section, "s"), w.ID, w.Fields.Err()))
		}
		if k.Safety && err == nil {
			legs := legsOf(v)
			if err := printLegs(std.out, legs); err != nil {
				return err
			}
			return unsafe(legs)
		}
	}
	return err
}

// printMistakes prints JSON. legs is nil where they were not asked for.
func printMistakes(std streams, found *config.Error, left, cautions []problem.Finding, legs []clientLegs) error {
	list, warnings := []config.Mistake{}, []map[string]any{}
	for i, w := range slices.Concat(left, cautions) {
		warnings = append(warnings, map[string]any{
			"section": w.Section,
			"id":      w.ID,
			"inForce": i >= len(left),
			"errors":  w.Fields,
		})
	}
	if found != nil {
		list = found.Mistakes
	}
	document := map[string]any{"ok": found == nil, "mistakes": list, "warnings": warnings}
	if legs != nil {
		document["safety"] = legs
	}
	if err := json.NewEncoder(std.out).Encode(document); err != nil {
		return err
	}
	if found != nil {
		return &exitError{exitFailed, fmt.Errorf("the configuration has mistakes: %d", len(list))}
	}
	return unsafe(legs)
}

type exportCommand struct {
	configFlag
}

func (e exportCommand) Run(std streams) error {
	c, err := e.load()
	if err != nil {
		return err
	}
	notice, err := gateway.Export(context.Background(), std.out, c)
	if notice != "" {
		std.notice(notice)
	}
	return err
}
