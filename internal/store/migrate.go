package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/glebarez/sqlite"
	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrationFiles embed.FS

// migrateSQLite brings the file up to date. Two processes that start at once take turns by a lock file beside it:
// SQLite's own locks would let both read the version before either writes it.
func migrateSQLite(ctx context.Context, path string, logger *slog.Logger, prepare prepare) (err error) {
	guard := flock.New(path + ".lock")
	if err := guard.Lock(); err != nil {
		return fmt.Errorf("lock %s.lock: %w", path, err)
	}
	defer func() { _ = guard.Close() }()
	db, err := sql.Open(sqlite.DriverName, path+sqlitePragmas)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	return prepare(ctx, goose.DialectSQLite3, db, logger)
}

// migratePostgres does the same under an advisory lock, which goes away with the connection.
func migratePostgres(ctx context.Context, db *sql.DB, logger *slog.Logger, prepare prepare) error {
	// Poll twice a second for five minutes: another replica's migration may take that long.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("prepare the migration lock: %w", err)
	}
	return prepare(ctx, goose.DialectPostgres, db, logger, goose.WithSessionLocker(locker))
}

// newProvider makes what migrates a database of one kind.
func newProvider(dialect goose.Dialect, db *sql.DB, options ...goose.ProviderOption) (*goose.Provider, error) {
	folder := map[goose.Dialect]string{goose.DialectSQLite3: "migrations/sqlite", goose.DialectPostgres: "migrations/postgres"}[dialect]
	files, err := fs.Sub(migrationFiles, folder)
	if err != nil {
		return nil, fmt.Errorf("open the embedded migrations: %w", err)
	}
	provider, err := goose.NewProvider(dialect, db, files, append(options, goose.WithDisableGlobalRegistry(true))...)
	return provider, Wrap(err, "read the embedded migrations")
}

// prepare sees to the tables of a database that is being opened.
type prepare func(ctx context.Context, dialect goose.Dialect, db *sql.DB, logger *slog.Logger, options ...goose.ProviderOption) error

func refuseNewer(ctx context.Context, dialect goose.Dialect, db *sql.DB, _ *slog.Logger, options ...goose.ProviderOption) error {
	_, err := migrations(ctx, dialect, db, options...)
	return err
}

// errStandby is the error of a PostgreSQL server that takes no writes, as a gateway needs them.
var errStandby = errors.New("database.url names a PostgreSQL server that takes no writes, such as a standby: name the primary. " +
	"A URL that names all servers and ends in target_session_attrs=read-write finds it, such as postgres://beckon@db1,db2/beckon?target_session_attrs=read-write")

func migrateUp(ctx context.Context, dialect goose.Dialect, db *sql.DB, logger *slog.Logger, options ...goose.ProviderOption) error {
	if dialect == goose.DialectPostgres {
		if standby, err := isReadOnly(ctx, db); err == nil && standby { // an error of asking comes again with what is done next
			return errStandby
		}
	}
	provider, err := migrations(ctx, dialect, db, options...)
	if err != nil {
		return err
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

// migrations returns what migrates a database, unless a newer Beckon has done so.
func migrations(ctx context.Context, dialect goose.Dialect, db *sql.DB, options ...goose.ProviderOption) (*goose.Provider, error) {
	provider, err := newProvider(dialect, db, options...)
	if err != nil {
		return nil, err
	}
	have, want, err := provider.GetVersions(ctx)
	if err == nil && have > want {
		return nil, fmt.Errorf("the database is at version %d and this Beckon knows only %d: a newer Beckon has used it; run that one, or restore a backup", have, want)
	}
	return provider, nil // an error of reading the version comes again with what is done next
}

// Pending returns the names of the migrations that a database lacks.
func (s *Store) Pending(ctx context.Context) (names []string, err error) {
	have, err := s.Schema(ctx)
	if err != nil {
		return nil, err
	}
	dialect := goose.DialectSQLite3
	if s.Shared() {
		dialect = goose.DialectPostgres
	}
	provider, err := newProvider(dialect, s.read)
	if err != nil {
		return nil, err
	}
	for _, source := range provider.ListSources() {
		if source.Version > have {
			names = append(names, source.Path)
		}
	}
	return names, nil
}

// isReadOnly reports whether a PostgreSQL server takes no writes: a standby, or a database that is set so.
func isReadOnly(ctx context.Context, db *sql.DB) (readOnly bool, err error) {
	err = db.QueryRowContext(ctx, "SELECT current_setting('transaction_read_only') = 'on'").Scan(&readOnly)
	return readOnly, err
}

// CheckWritable returns an error that says what to do when the database takes no writes.
func (s *Store) CheckWritable(ctx context.Context) error {
	if !s.Shared() {
		return nil
	}
	standby, err := isReadOnly(ctx, s.read)
	if standby {
		err = errStandby
	}
	return classify(err)
}
