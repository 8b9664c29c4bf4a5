package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// migrateSQLite brings the file up to date. Two processes that start at once take turns by a lock file beside it:
// SQLite's own locks would let both read the version before either writes it.
func migrateSQLite(ctx context.Context, db *sql.DB, path string, logger *slog.Logger) error {
	guard := flock.New(path + ".lock")
	if err := guard.Lock(); err != nil {
		return fmt.Errorf("lock %s.lock: %w", path, err)
	}
	defer func() { _ = guard.Close() }()
	return migrate(ctx, goose.DialectSQLite3, db, "migrations/sqlite", logger)
}

// migratePostgres does the same under an advisory lock, which goes away with the connection.
func migratePostgres(ctx context.Context, db *sql.DB, logger *slog.Logger) error {
	// Poll twice a second for five minutes: another replica's migration may take that long.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("prepare the migration lock: %w", err)
	}
	return migrate(ctx, goose.DialectPostgres, db, "migrations/postgres", logger, goose.WithSessionLocker(locker))
}

func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, dir string, logger *slog.Logger, options ...goose.ProviderOption) error {
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return fmt.Errorf("open the embedded migrations: %w", err)
	}
	provider, err := goose.NewProvider(dialect, db, files, append(options, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return fmt.Errorf("read the embedded migrations: %w", err)
	}
	have, want, err := provider.GetVersions(ctx)
	if err == nil && have > want {
		return fmt.Errorf("the database is at version %d and this Beckon knows only %d: a newer Beckon has used it; run that one, or restore a backup", have, want)
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	for _, m := range done {
		logger.Debug("database migrated", "version", m.Source.Version, "took", m.Duration)
	}
	return nil
}
