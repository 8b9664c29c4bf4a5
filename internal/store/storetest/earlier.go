package storetest

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"
)

// Schema01 is the last migration of 0.1.
const Schema01 = 5

// MigrateTo makes the tables that a database had at a version, for tests of the migrations after it. The caller
// closes it.
func MigrateTo(t testing.TB, url string, version int64) *sql.DB {
	db := OpenRaw(t, url)
	dialect, folder := goose.DialectPostgres, "postgres"
	if strings.HasPrefix(url, "sqlite:") {
		dialect, folder = goose.DialectSQLite3, "sqlite"
	}
	files := os.DirFS(filepath.Join(moduleRoot(t), "internal", "store", "migrations", folder))
	provider, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
	require.NoError(t, err)
	_, err = provider.UpTo(context.Background(), version)
	require.NoError(t, err)
	return db
}

// OpenRaw opens a database without migrating it, whatever version it has. The caller closes it.
func OpenRaw(t testing.TB, url string) *sql.DB {
	driver, name := "pgx", url
	if path, isFile := strings.CutPrefix(url, "sqlite:"); isFile {
		driver, name = sqlite.DriverName, path
	}
	db, err := sql.Open(driver, name)
	require.NoError(t, err)
	return db
}

// moduleRoot is the folder of go.mod. Tests run in the folder of their package.
func moduleRoot(t testing.TB) string {
	folder, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		require.NotEqual(t, filepath.Dir(folder), folder, "no go.mod above the test")
		folder = filepath.Dir(folder)
	}
}
