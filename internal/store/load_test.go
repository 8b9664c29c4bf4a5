package store_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

var silent = slog.New(slog.DiscardHandler)

// fillTables puts a row with each kind of value into a database.
func fillTables(t *testing.T, s *store.Store) {
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
		return errors.Join(
			tx.Exec("INSERT INTO resources (kind, id, spec, version, created_at, updated_at) VALUES ('agents', 'a', ?, 3, 1, 2)", `{"id":"a","name":"Zoë & <\u0000>"}`),
			tx.Exec("INSERT INTO attempts (delivery_id, number, reason, url, request_headers, truncated, started_at, duration_us) VALUES ('d', 1, 'first', 'https://x', '{}', ?, 9007199254740993, 5)", true),
			tx.Exec("INSERT INTO coalesce_keys (client_id, key, run_id, closed, seen_at) VALUES ('c', 'k', 'r', ?, 1)", false))
	}))
}

type kept struct {
	Spec      string
	StartedAt int64
	Truncated bool
	Closed    bool
}

func readTables(t *testing.T, s *store.Store) kept {
	return kept{
		storetest.Row[string](t, s, "SELECT spec FROM resources WHERE id = 'a'"), storetest.Row[int64](t, s, "SELECT started_at FROM attempts"),
		storetest.Row[bool](t, s, "SELECT truncated FROM attempts"), storetest.Row[bool](t, s, "SELECT closed FROM coalesce_keys"),
	}
}

// What one database holds is put into another one of either kind, and what that held before is kept.
func TestLoadWhatAnotherDatabaseHolds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, from string) {
		source := storetest.Open(t, from)
		fillTables(t, source)
		schema, err := source.Schema(t.Context())
		require.NoError(t, err)
		storetest.Each(t, func(t *testing.T, to string) {
			fill := func(sink store.Sink) error { return source.Dump(t.Context(), sink) }
			_, err := store.Load(t.Context(), to, schema, silent, fill)
			require.NoError(t, err)
			again, err := store.Load(t.Context(), to, schema, silent, fill)
			require.NoError(t, err)
			require.NotEmpty(t, again, "what was there")
			target := storetest.Open(t, to)
			require.Equal(t, readTables(t, source), readTables(t, target))
			require.Empty(t, storetest.Row[int64](t, target, "SELECT COUNT(*) FROM instances"))
			require.EqualValues(t, 9007199254740993, storetest.Row[int64](t, target, "SELECT started_at FROM attempts"))
		})
	})
}

// What fails on its way leaves everything as it was.
func TestALoadThatFailsChangesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, err := store.Open(t.Context(), url, store.Options{}, silent)
		require.NoError(t, err)
		fillTables(t, s)
		before := readTables(t, s)
		schema, err := s.Schema(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.Close())
		broken := errors.New("broken")
		for name, load := range map[string]struct {
			schema int64
			fill   func(store.Sink) error
		}{
			"broken": {schema, func(to store.Sink) error {
				require.NoError(t, to.Table("client_tokens", []string{"hash", "client_id", "created_at"}))
				require.NoError(t, to.Row([]any{"h", "c", int64(1)}))
				return broken
			}},
			"only knows": {schema + 1000, func(store.Sink) error { return nil }},
			"a table":    {schema, func(to store.Sink) error { return to.Table("nonsense", []string{"x"}) }},
			"a column":   {schema, func(to store.Sink) error { return to.Table("runs", []string{"nonsense"}) }},
		} {
			_, err := store.Load(t.Context(), url, load.schema, silent, load.fill)
			require.ErrorContains(t, err, strings.TrimPrefix(name, "only "), name)
			again, err := store.Open(t.Context(), url, store.Options{}, silent)
			require.NoError(t, err)
			require.Equal(t, before, readTables(t, again), name)
			require.Empty(t, storetest.Row[int64](t, again, "SELECT COUNT(*) FROM client_tokens"), name)
			require.NoError(t, again.Close())
		}
		if path, isFile := strings.CutPrefix(url, "sqlite:"); isFile {
			left, err := filepath.Glob(path + ".restoring*")
			require.NoError(t, err)
			require.Empty(t, left)
		}
	})
}

// A database on which a gateway works is not replaced.
func TestADatabaseInUseIsNotReplaced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		require.NoError(t, s.Claim())
		schema, err := s.Schema(t.Context())
		require.NoError(t, err)
		if s.Shared() {
			require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
				return tx.Exec("INSERT INTO instances (id, started_at, seen_at) VALUES ('i', 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)")
			}))
		}
		_, err = store.Load(t.Context(), url, schema, silent, func(store.Sink) error { return nil })
		require.ErrorIs(t, err, store.ErrInUse)
	})
}

// A backup of a version before is migrated once it is restored.
func TestLoadAnEarlierVersion(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		_, err := store.Load(t.Context(), url, 5, silent, func(to store.Sink) error {
			require.NoError(t, to.Table("resources", []string{"created_at", "id", "kind", "spec", "updated_at", "version"}))
			return to.Row([]any{int64(1), "unset", "agents", `{"id":"unset","retryOnCrash":false,"provider":"p"}`, int64(1), int64(1)})
		})
		require.NoError(t, err)
		s := storetest.Open(t, url)
		require.JSONEq(t, `{"id":"unset","provider":"p"}`, storetest.Row[string](t, s, "SELECT spec FROM resources WHERE id = 'unset'"))
	})
}

// OpenAsIs migrates nothing and makes no file.
func TestOpenAsIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "none.db")
	_, err := store.OpenAsIs(t.Context(), "sqlite:"+path, silent)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "there is no database at "+path+". Run the command in the folder of the gateway, or name its configuration file with --config.")
	_, err = store.Open(t.Context(), "sqlite:"+path, store.Options{MustExist: true}, silent)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoDirExists(t, filepath.Dir(path))
	storetest.Each(t, func(t *testing.T, url string) {
		if path, isFile := strings.CutPrefix(url, "sqlite:"); isFile {
			require.NoError(t, os.WriteFile(path, nil, 0o600))
		}
		for range 2 { // the first has not made it one that was used
			_, err := store.OpenAsIs(t.Context(), url, silent)
			require.ErrorIs(t, err, os.ErrNotExist)
			_, err = store.Open(t.Context(), url, store.Options{MustExist: true}, silent)
			require.ErrorContains(t, err, "the database is empty: no gateway has used it yet. See whether database.url names the database of the gateway")
		}
		require.NoError(t, storetest.MigrateTo(t, url, 5).Close())
		s, err := store.OpenAsIs(t.Context(), url, silent)
		require.NoError(t, err)
		defer s.Close()
		version, err := s.Schema(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 5, version)
		pending, err := s.Pending(t.Context())
		require.NoError(t, err)
		require.Equal(t, "00006_claims.sql", pending[0])
		used, err := store.Open(t.Context(), url, store.Options{MustExist: true}, silent)
		require.NoError(t, err)
		require.NoError(t, used.Close())
	})
}
