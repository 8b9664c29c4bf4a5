package gateway

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"reflect"

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

// Check finds all that is wrong with a configuration file, and returns what it declares. withDatabase joins that
// with the resources of its database, which has to be there, and is migrated where it needs to be.
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

// Export writes what a configuration and its database declare, as a configuration file without secrets. Where there
// is a file and no database yet, it is what the file declares; notice says so.
func Export(ctx context.Context, w io.Writer, c *config.Config) (notice string, err error) {
	v, err := joinStored(ctx, c, c)
	if errors.Is(err, fs.ErrNotExist) && c.File() != "" {
		v, notice, err = allNouns(silent, nil, nil).View(c), "only the file is exported: "+err.Error()+".", nil
	}
	if err == nil {
		err = c.Err(v.Mistakes())
	}
	if err != nil {
		return "", err
	}
	return notice, config.Export(w, c, v)
}

// OpenEditor returns what changes the resources of a configuration's database, whether a gateway runs or not: one that
// runs puts the changes in force. Its store is the caller's to close.
func OpenEditor(ctx context.Context, c *config.Config) (*catalog.Editor, error) {
	db, err := openUsed(ctx, c)
	if err != nil {
		return nil, err
	}
	editor := db.newEditor(nil, nil, nil)
	if err := editor.Use(ctx, c); err != nil {
		return nil, errors.Join(err, db.store.Close())
	}
	return editor, nil
}

// joinStored joins a file with what the database of a configuration has.
func joinStored(ctx context.Context, c *config.Config, f catalog.File) (*catalog.View, error) {
	db, err := openUsed(ctx, c)
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

// openDatabase opens the database of a gateway, and creates or migrates it.
func openDatabase(ctx context.Context, c *config.Config, log *slog.Logger) (*database, error) {
	return openWith(ctx, c, store.Options{}, log)
}

// openUsed is openDatabase for commands: they create none.
func openUsed(ctx context.Context, c *config.Config) (*database, error) {
	return openWith(ctx, c, store.Options{MustExist: true}, silent)
}

func openWith(ctx context.Context, c *config.Config, o store.Options, log *slog.Logger) (*database, error) {
	o.ReadURL, o.MaxConnections = c.Database.ReadURL.Reveal(), c.Database.MaxConnections
	s, err := store.Open(ctx, c.Database.URL.Reveal(), o, log)
	if err != nil {
		return nil, err
	}
	return newDatabase(ctx, c, s, log), nil
}

func newDatabase(ctx context.Context, c *config.Config, s *store.Store, log *slog.Logger) *database {
	sealer := secret.NewSealer(func() (secret.String, error) { return secretsKey(ctx, c, s) })
	return &database{s, sealer.WithPrevious(c.Server.PreviousSecretsKey), log}
}

// newEditor makes what changes the resources. apply puts them in force; nil for nobody. breakers and out are as for
// allNouns.
func (d *database) newEditor(
	breakers *agents.Breakers, out agents.Fetcher, apply func(context.Context, *catalog.View) error,
) *catalog.Editor {
	nouns := allNouns(d.log, breakers, out)
	return catalog.NewEditor(catalog.EditorConfig{
		Nouns:  nouns,
		Store:  d.store,
		Sealer: d.sealer,
		Log:    d.log,
		Apply:  apply,
	})
}

func (d *database) close() {
	if err := d.store.Close(); err != nil {
		d.log.Error("the database did not close", "error", err)
	}
}
