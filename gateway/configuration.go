package gateway

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"reflect"
	"strings"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/magec"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/tools/names"
)

// Load reads a configuration file with the environment over it; an empty path is no file.
func Load(path string) (*config.Config, error) {
	return config.Load(path, os.LookupEnv, allNouns(silent, nil, nil))
}

// ImportOptions say what a configuration that is made of that of another product may use.
func ImportOptions() magec.Options {
	o := magec.Options{IsReserved: names.IsReserved}
	for _, k := range allNouns(silent, nil, nil).Kinds() {
		o.ToolServers = o.ToolServers || k.Section == names.Section
		if field, ok := k.Type.FieldByName("Tools"); ok && k.Section == "clients" {
			o.Tools = field.Type.Kind() == reflect.Slice
		}
	}
	return o
}

// Check finds all that is wrong with a configuration file, and returns what it declares. withDatabase joins that with the
// resources of its database, which is migrated where it needs to be.
func Check(ctx context.Context, path string, withDatabase bool) (*catalog.View, error) {
	nouns := allNouns(silent, nil, nil)
	join := func(f catalog.File) (*catalog.View, error) { return nouns.View(f), nil }
	if withDatabase {
		c, err := Load(path)
		if err != nil {
			return nil, err
		}
		join = func(f catalog.File) (*catalog.View, error) { return joinStored(ctx, c, f) }
	}
	return config.Check(path, os.LookupEnv, nouns, join)
}

// Export writes what a configuration and its database declare, as a configuration file without secrets.
func Export(ctx context.Context, w io.Writer, c *config.Config) error {
	v, err := joinStored(ctx, c, c)
	if err == nil {
		err = c.Err(v.Mistakes())
	}
	if err != nil {
		return err
	}
	return config.Export(w, c, v)
}

// OpenEditor returns what changes the resources of a configuration's database, whether a gateway runs or not: one that
// runs puts the changes in force. Its store is the caller's to close.
func OpenEditor(ctx context.Context, c *config.Config) (*catalog.Editor, error) {
	db, err := openDatabase(ctx, c, silent)
	if err != nil {
		return nil, err
	}
	editor := db.newEditor(nil, nil, nil)
	if err := editor.Use(ctx, c); err != nil {
		return nil, errors.Join(err, db.store.Close())
	}
	return editor, nil
}

// joinStored joins a file with what the database of a configuration has; a SQLite file that does not exist has nothing,
// and is not made.
func joinStored(ctx context.Context, c *config.Config, f catalog.File) (*catalog.View, error) {
	if path, isFile := strings.CutPrefix(c.Database.URL.Reveal(), "sqlite:"); isFile {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return allNouns(silent, nil, nil).View(f), nil
		}
	}
	db, err := openDatabase(ctx, c, silent)
	if err != nil {
		return nil, err
	}
	defer db.close()
	return db.newEditor(nil, nil, nil).Join(ctx, f)
}

// silent is the log of the commands, which print what there is to say.
var silent = slog.New(slog.DiscardHandler)

// database is the store of a configuration, with what seals the secrets in it.
type database struct {
	store  *store.Store
	sealer *secret.Sealer
	log    *slog.Logger
}

// openAsIs is openDatabase without migrating it.
func openAsIs(ctx context.Context, c *config.Config) (*database, error) {
	s, err := store.OpenAsIs(ctx, c.Database.URL.Reveal(), silent)
	if err != nil {
		return nil, err
	}
	return newDatabase(ctx, c, s, silent), nil
}

func openDatabase(ctx context.Context, c *config.Config, log *slog.Logger) (*database, error) {
	s, err := store.OpenWith(ctx, c.Database.URL.Reveal(),
		store.Options{ReadURL: c.Database.ReadURL.Reveal(), MaxConnections: c.Database.MaxConnections}, log)
	if err != nil {
		return nil, err
	}
	return newDatabase(ctx, c, s, log), nil
}

func newDatabase(ctx context.Context, c *config.Config, s *store.Store, log *slog.Logger) *database {
	sealer := secret.NewSealer(func() (secret.String, error) { return secretsKey(ctx, c, s) })
	return &database{s, sealer.WithPrevious(c.Server.PreviousSecretsKey), log}
}

// newEditor makes what changes the resources. apply puts them in force; nil for nobody. breakers and out are as for allNouns.
func (d *database) newEditor(breakers *agents.Breakers, out agents.Fetcher, apply func(context.Context, *catalog.View) error) *catalog.Editor {
	nouns := allNouns(d.log, breakers, out)
	return catalog.NewEditor(catalog.EditorConfig{Nouns: nouns, Store: d.store, Sealer: d.sealer, Log: d.log, Apply: apply})
}

func (d *database) close() {
	if err := d.store.Close(); err != nil {
		d.log.Error("the database did not close", "error", err)
	}
}
