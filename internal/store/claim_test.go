package store_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestOneGatewayClaimsASQLiteFile(t *testing.T) {
	url := storetest.SQLite(t)
	first, err := store.Open(t.Context(), url, store.Options{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.False(t, first.Shared())
	require.NoError(t, first.Claim())

	second := storetest.Open(t, url)
	require.ErrorContains(t, second.Claim(), "another Beckon serves")
	require.NoError(t, second.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "x") }), "who doesn't claim may work on the file")

	require.NoError(t, first.Close())
	require.NoError(t, second.Claim(), "the claim ends with Close")
}

func TestOneGatewayClaimsASQLiteFileByAnyName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beckon.db")
	require.NoError(t, storetest.Open(t, "sqlite:"+path).Claim())
	elsewhere := t.TempDir()
	link, folder := filepath.Join(elsewhere, "link.db"), filepath.Join(elsewhere, "folder")
	require.NoError(t, os.Symlink(path, link))
	require.NoError(t, os.Symlink(filepath.Dir(path), folder))
	for _, name := range []string{link, filepath.Join(folder, "beckon.db")} {
		require.ErrorContains(t, storetest.Open(t, "sqlite:"+name).Claim(), "another Beckon serves", name)
	}
	leftBehind, err := filepath.Glob(filepath.Join(elsewhere, "link.db?*"))
	require.NoError(t, err)
	require.Empty(t, leftBehind, "what SQLite and Beckon write beside the database is beside the file itself")
}

// A file that is mounted twice, or was moved, has one name and no lock file beside it.
func TestOneGatewayClaimsASQLiteFileThatWasMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beckon.db")
	require.NoError(t, storetest.Open(t, "sqlite:"+path).Claim())
	moved := filepath.Join(t.TempDir(), "moved.db")
	require.NoError(t, os.Rename(path, moved))
	free, err := store.TryServing(moved)
	require.NoError(t, err)
	require.Equal(t, runtime.GOOS != "linux" && runtime.GOOS != "darwin", free, "other systems have no lock that follows a file")
}

// A name more is a write-ahead log more: what was committed by one of them is not seen by the other.
func TestASQLiteFileWithTwoNamesIsRefused(t *testing.T) {
	url := storetest.SQLite(t)
	s, err := store.Open(t.Context(), url, store.Options{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, s.Claim())
	path := strings.TrimPrefix(url, "sqlite:")
	second := filepath.Join(t.TempDir(), "second.db")
	require.NoError(t, os.Link(path, second))
	refused := func(path string) {
		_, err := store.Open(t.Context(), "sqlite:"+path, store.Options{}, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, "2 names (hard links)")
		require.ErrorContains(t, err, "-samefile")
	}
	refused(second)
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "x") }))
	require.NoError(t, s.Close())
	refused(path)
	require.NoError(t, os.Remove(second))
	require.EqualValues(t, 1, count(t, storetest.Open(t, url)))
}

func TestAnyNumberClaimsPostgres(t *testing.T) {
	url := storetest.Postgres(t)
	for range 2 {
		s := storetest.Open(t, url)
		require.True(t, s.Shared())
		require.NoError(t, s.Claim())
	}
}
