package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/problem"
)

type configCommand struct {
	Check  checkCommand  `cmd:"" help:"Check the configuration file and say all that is wrong with it."`
	Export exportCommand `cmd:"" help:"Print what is in force, of the file and of the database, as a configuration file without secrets."`
}

type checkCommand struct {
	configFlag
	Database bool `help:"Look at the database too: the file may refer to what is in it, and what is wrong with that is told."`
	JSON     bool `help:"Print JSON."`
}

// Run checks without changing anything: the database is only opened when it is asked for, since that migrates it.
func (k checkCommand) Run(std streams) error {
	path, err := k.path()
	if err != nil {
		return err
	}
	all := nouns(slog.New(slog.DiscardHandler), nil)
	join := func(f catalog.File) (*catalog.View, error) { return all.View(f), nil }
	if k.Database {
		c, err := k.load()
		if err != nil {
			return err
		}
		join = func(f catalog.File) (*catalog.View, error) { return joinStored(context.Background(), c, f) }
	}
	v, err := config.Check(path, os.LookupEnv, all, join)
	mistakes, _ := errors.AsType[*config.Error](err)
	var warnings, cautions []problem.Finding
	if err == nil {
		warnings, cautions = v.Warnings(), v.Cautions()
	}
	switch {
	case k.JSON && (err == nil || mistakes != nil):
		return printMistakes(std, mistakes, warnings, cautions)
	case err == nil:
		_, err = fmt.Fprintf(std.out, "%s is good\n", cmp.Or(path, "the configuration without a file"))
		for _, w := range warnings {
			std.notice(fmt.Sprintf("the database's %s %q is not in force: %v", strings.TrimSuffix(w.Section, "s"), w.ID, w.Fields.Err()))
		}
		for _, w := range cautions {
			std.notice(fmt.Sprintf("the database's %s %q should be changed: %v", strings.TrimSuffix(w.Section, "s"), w.ID, w.Fields.Err()))
		}
	}
	return err
}

func printMistakes(std streams, found *config.Error, left, cautions []problem.Finding) error {
	list, warnings := []config.Mistake{}, []map[string]any{}
	for i, w := range slices.Concat(left, cautions) {
		warnings = append(warnings, map[string]any{"section": w.Section, "id": w.ID, "inForce": i >= len(left), "errors": w.Fields})
	}
	if found != nil {
		list = found.Mistakes
	}
	if err := json.NewEncoder(std.out).Encode(map[string]any{"ok": found == nil, "mistakes": list, "warnings": warnings}); err != nil {
		return err
	}
	if found != nil {
		return &exitError{exitFailed, fmt.Errorf("the configuration has mistakes: %d", len(list))}
	}
	return nil
}

type exportCommand struct {
	configFlag
}

func (e exportCommand) Run(std streams) error {
	c, err := e.load()
	if err != nil {
		return err
	}
	v, err := joinStored(context.Background(), c, c)
	if err == nil {
		err = c.Err(v.Mistakes())
	}
	if err != nil {
		return err
	}
	return config.Export(std.out, c, v)
}

// joinStored joins a file with what the database of a configuration has; a SQLite file that does not exist has nothing,
// and is not made.
func joinStored(ctx context.Context, c *config.Config, f catalog.File) (*catalog.View, error) {
	log := slog.New(slog.DiscardHandler)
	if path, isFile := strings.CutPrefix(c.Database.URL.Reveal(), "sqlite:"); isFile {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nouns(log, nil).View(f), nil
		}
	}
	db, err := openDatabase(ctx, c, log)
	if err != nil {
		return nil, err
	}
	defer db.store.Close()
	return db.editor(log, nil, nil).Join(ctx, f)
}
