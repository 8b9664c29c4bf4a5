// Package storetest gives tests a real database of their own: a SQLite file or a database in a PostgreSQL server
// that the test process starts. Nothing is skipped: without PostgreSQL's binaries a test fails and says what to
// install.
package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"beckon/internal/store"
)

var (
	postgres  cluster
	databases atomic.Int64
)

// Each runs a test once on SQLite and once on PostgreSQL, with the URL of an empty database.
func Each(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// EachStore is Each with the database opened.
func EachStore(t *testing.T, test func(t *testing.T, s *store.Store)) {
	Each(t, func(t *testing.T, url string) { test(t, Open(t, url)) })
}

// Default returns the URL of an empty database of the kind that BECKON_TEST_DATABASE names: sqlite, as it is
// without it, postgres, or pgbouncer for PostgreSQL behind PgBouncer in transaction mode. Tests that are about
// something else than the database use it, and make test runs them on both.
func Default(t testing.TB) string {
	switch kind := os.Getenv("BECKON_TEST_DATABASE"); kind {
	case "", "sqlite":
		return SQLite(t)
	case "postgres":
		return Postgres(t)
	case "pgbouncer":
		return PgBouncer(t, Postgres(t))
	default:
		t.Fatalf("BECKON_TEST_DATABASE is sqlite, postgres or pgbouncer, not %q", kind)
		return ""
	}
}

// SQLite returns the URL of a file that doesn't exist yet.
func SQLite(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "beckon.db") }

// Postgres returns the URL of an empty database, which is dropped when the test ends.
func Postgres(t testing.TB) string {
	pattern, err := postgres.pattern()
	require.NoError(t, err)
	name := fmt.Sprintf("beckon_%d", databases.Add(1))
	execute(t, pattern, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, pattern, "DROP DATABASE "+name+" WITH (FORCE)") })
	return fmt.Sprintf(pattern, name)
}

// Open opens and migrates the database, and closes it when the test ends.
func Open(t testing.TB, url string) *store.Store {
	s, err := store.Open(context.Background(), url, store.Options{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// Row returns the row of a query, which must have one; see store.Row.
func Row[T any](t testing.TB, s *store.Store, statement string, args ...any) T {
	row, found, err := store.Row[T](s.Read(context.Background()), statement, args...)
	require.NoError(t, err)
	require.True(t, found, "no row: %s", statement)
	return row
}

// Rows returns the rows of a query; see store.Rows.
func Rows[T any](t testing.TB, s *store.Store, statement string, args ...any) []T {
	rows, err := store.Rows[T](s.Read(context.Background()), statement, args...)
	require.NoError(t, err)
	return rows
}

func execute(t testing.TB, pattern, statement string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, fmt.Sprintf(pattern, "postgres"))
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	require.NoError(t, err)
}
