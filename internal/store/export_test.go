package store

import (
	"context"
	"database/sql"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/pressly/goose/v3"
)

// TryServing reports whether no gateway works on the file; two stores of one process cannot have it open by two names.
func TryServing(path string) (free bool, err error) {
	f, err := openFile(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return f.lockServing()
}

// IsServed is isServed.
var IsServed = isServed

// LostCommits is what is looked for in a write-ahead log.
var LostCommits = lostCommits

// MigrateTo makes the tables that a database had at a version, for tests of the migrations after it.
func MigrateTo(ctx context.Context, url string, version int64) (*sql.DB, error) {
	driver, dsn, dialect, dir := "pgx", url, goose.DialectPostgres, "migrations/postgres"
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn, dialect, dir = sqlite.DriverName, path, goose.DialectSQLite3, "migrations/sqlite"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrationFiles, dir)
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, err
	}
	_, err = provider.UpTo(ctx, version)
	return db, err
}

// WalkFor sets how long a walk looks for rows.
func WalkFor(t *testing.T, d time.Duration) {
	before := walkTime
	walkTime = d
	t.Cleanup(func() { walkTime = before })
}

// ErrInDoubt is the error of a write that may have been committed.
var ErrInDoubt = errInDoubt

// Classify is classify.
var Classify = classify
