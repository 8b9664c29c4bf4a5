package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

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
	db, err := sql.Open(sqlite.DriverName, path+"?"+newFilePragma+"&"+sqlitePragmas+"&"+unsyncedPragma)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	return prepare(ctx, goose.DialectSQLite3, db, logger)
}

// migrationLock is the advisory lock that goose takes by default: Beckon 0.1 holds it while it migrates.
const migrationLock = lock.DefaultLockID

// migrationPatience is how long a start waits while another process migrates the database.
const migrationPatience = 5 * time.Minute

// lockMigrations lets one process at a time migrate a PostgreSQL database, until release is called or the
// connection ends. The lock belongs to a transaction, not to a session: PgBouncer gives a session another
// connection for each transaction.
func lockMigrations(ctx context.Context, db *sql.DB) (release func(), err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, migrationPatience)
	defer cancel()
	if _, err := tx.ExecContext(waiting, "SELECT pg_advisory_xact_lock($1)", migrationLock); err != nil {
		_ = tx.Rollback()
		return nil, fmt.Errorf("wait for another process that migrates the database: %w", err)
	}
	return func() { _ = tx.Rollback() }, nil // it has changed nothing
}

// newProvider makes what migrates a database of one kind.
func newProvider(dialect goose.Dialect, db *sql.DB) (*goose.Provider, error) {
	folder := map[goose.Dialect]string{
		goose.DialectSQLite3:  "migrations/sqlite",
		goose.DialectPostgres: "migrations/postgres",
	}[dialect]
	files, err := fs.Sub(migrationFiles, folder)
	if err != nil {
		return nil, fmt.Errorf("open the embedded migrations: %w", err)
	}
	provider, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
	return provider, Wrap(err, "read the embedded migrations")
}

// prepare sees to the tables of a database that is being opened.
type prepare func(ctx context.Context, dialect goose.Dialect, db *sql.DB, logger *slog.Logger) error

// leaveAsIs migrates nothing.
func leaveAsIs(ctx context.Context, dialect goose.Dialect, db *sql.DB, _ *slog.Logger) error {
	if err := refuseEmpty(ctx, dialect, db); err != nil {
		return err
	}
	_, err := migrations(ctx, dialect, db)
	return err
}

// migrateUsed is migrateUp of a database that a gateway has used.
func migrateUsed(ctx context.Context, dialect goose.Dialect, db *sql.DB, logger *slog.Logger) error {
	if err := refuseEmpty(ctx, dialect, db); err != nil {
		return err
	}
	return migrateUp(ctx, dialect, db, logger)
}

// refuseEmpty returns errEmpty where no migration was ever made. It writes nothing, as goose would to find out.
func refuseEmpty(ctx context.Context, dialect goose.Dialect, db *sql.DB) error {
	query := "SELECT COUNT(*) > 0 FROM sqlite_master WHERE name = 'goose_db_version'"
	if dialect == goose.DialectPostgres {
		query = "SELECT to_regclass('goose_db_version') IS NOT NULL"
	}
	isUsed := false
	if err := db.QueryRowContext(ctx, query).Scan(&isUsed); err == nil && !isUsed {
		return errEmpty
	}
	return nil // an error of asking comes again with what is done next
}

// errStandby is the error of a PostgreSQL server that takes no writes, as a gateway needs them.
var errStandby = errors.New("database.url names a PostgreSQL server that takes no writes, " +
	"such as a standby: name the primary. " +
	"A URL that names all servers and ends in target_session_attrs=read-write finds it, " +
	"such as postgres://beckon@db1,db2/beckon?target_session_attrs=read-write")

func migrateUp(ctx context.Context, dialect goose.Dialect, db *sql.DB, logger *slog.Logger) error {
	if dialect == goose.DialectPostgres {
		// an error of asking comes again with what is done next
		if standby, err := isReadOnly(ctx, db); err == nil && standby {
			return errStandby
		}
		release, err := lockMigrations(ctx, db)
		if err != nil {
			return err
		}
		defer release()
	}
	provider, err := migrations(ctx, dialect, db)
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
func migrations(ctx context.Context, dialect goose.Dialect, db *sql.DB) (*goose.Provider, error) {
	provider, err := newProvider(dialect, db)
	if err != nil {
		return nil, err
	}
	have, want, err := provider.GetVersions(ctx)
	if err == nil && have > want {
		return nil, fmt.Errorf("the database is at version %d and this Beckon knows only %d: "+
			"a newer Beckon has used it; run that one, or restore a backup", have, want)
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
