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

	"beckon/internal/config"
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
	var stored config.Resources
	if k.Database {
		if stored, err = k.stored(); err != nil {
			return err
		}
	}
	err = config.Check(path, os.LookupEnv, factories(slog.New(slog.DiscardHandler)), stored)
	mistakes, _ := errors.AsType[*config.Error](err)
	catalog := &config.Catalog{}
	if err == nil {
		if catalog, err = k.catalog(stored); err != nil {
			return err
		}
	}
	switch {
	case k.JSON && (err == nil || mistakes != nil):
		return printMistakes(std, mistakes, catalog)
	case err == nil:
		_, err = fmt.Fprintf(std.out, "%s is good\n", cmp.Or(path, "the configuration without a file"))
		for _, w := range catalog.Warnings {
			std.notice(fmt.Sprintf("the database's %s %q is not in force: %v", strings.TrimSuffix(w.Section, "s"), w.ID, w.Fields.Err()))
		}
		for _, w := range catalog.Cautions {
			std.notice(fmt.Sprintf("the database's %s %q should be changed: %v", strings.TrimSuffix(w.Section, "s"), w.ID, w.Fields.Err()))
		}
	}
	return err
}

// catalog is what the file and the database have together.
func (k checkCommand) catalog(stored config.Resources) (*config.Catalog, error) {
	c, err := k.load()
	if err != nil {
		return nil, err
	}
	return buildCatalog(c, stored)
}

func (k checkCommand) stored() (config.Resources, error) {
	c, err := k.load()
	if err != nil {
		return config.Resources{}, err
	}
	return storedResources(c)
}

func printMistakes(std streams, found *config.Error, catalog *config.Catalog) error {
	list, warnings := []config.Mistake{}, []map[string]any{}
	for i, w := range slices.Concat(catalog.Warnings, catalog.Cautions) {
		warnings = append(warnings, map[string]any{"section": w.Section, "id": w.ID, "inForce": i >= len(catalog.Warnings), "errors": w.Fields})
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
	stored, err := storedResources(c)
	if err != nil {
		return err
	}
	catalog, err := buildCatalog(c, stored)
	if err != nil {
		return err
	}
	return config.Export(std.out, c, catalog)
}

// storedResources reads the database; a SQLite file that does not exist has nothing, and is not made.
func storedResources(c *config.Config) (config.Resources, error) {
	if path, isFile := strings.CutPrefix(c.Database.URL.Reveal(), "sqlite:"); isFile {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return config.Resources{}, nil
		}
	}
	ctx := context.Background()
	db, err := openDatabase(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return config.Resources{}, err
	}
	defer db.store.Close()
	return db.resources(ctx)
}

func buildCatalog(c *config.Config, stored config.Resources) (*config.Catalog, error) {
	return c.Catalog(factories(slog.New(slog.DiscardHandler)), os.LookupEnv, stored)
}
