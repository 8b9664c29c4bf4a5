package store_test

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

const patience = 15 * time.Second

func TestAFileThatIsTakenAwayIsUnavailableUntilItIsBack(t *testing.T) {
	for name, suffix := range map[string]string{"the database": "", "its write-ahead log": "-wal", "the log's index": "-shm"} {
		t.Run(name, func(t *testing.T) {
			url := storetest.SQLite(t)
			log := &lines{}
			s := openLogged(t, url, log)
			require.NoError(t, s.Claim())
			require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "before") }))
			path := strings.TrimPrefix(url, "sqlite:") + suffix

			require.NoError(t, os.Rename(path, path+".away"))
			require.Eventually(t, func() bool { return s.Health(t.Context()) != nil }, patience, 10*time.Millisecond)
			for _, err := range []error{
				s.Health(t.Context()),
				s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "lost") }),
				s.Read(t.Context()).Exec("SELECT 1"),
				s.Read(t.Context()).Each(func(func(...any) error) error { return nil }, "SELECT id FROM runs"),
			} {
				requireUnavailable(t, err)
				require.Contains(t, problem.Of(err).Detail, "deleted or moved")
				require.Contains(t, problem.Of(err).Detail, "restart Beckon")
				require.NotContains(t, problem.Of(err).Detail, path)
			}
			log.await(t, "level=ERROR", "the database cannot be used", path+" was deleted or moved")

			require.NoError(t, os.WriteFile(path, nil, 0o600))
			require.Eventually(t, func() bool {
				return strings.Contains(problem.Of(s.Health(t.Context())).Detail, "replaced by another")
			}, patience, 10*time.Millisecond)

			require.NoError(t, os.Rename(path+".away", path))
			require.Eventually(t, func() bool { return s.Health(t.Context()) == nil }, patience, 10*time.Millisecond)
			require.EqualValues(t, 1, count(t, s))
			require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "after") }))
			log.await(t, "level=INFO", "can be used again")
			require.Equal(t, 1, strings.Count(log.String(), "cannot be used"), "one line is enough: %s", log)
		})
	}
}

// A write that is on its way while the file is deleted is not acknowledged.
func TestNoWriteIsAcknowledgedThatADeletedFileHasTaken(t *testing.T) {
	url := storetest.SQLite(t)
	s := openLogged(t, url, io.Discard)
	require.Eventually(t, func() bool {
		_ = os.Remove(strings.TrimPrefix(url, "sqlite:"))
		return s.Write(t.Context(), func(tx store.Tx) error { return tx.Exec("DELETE FROM runs") }) != nil
	}, patience, time.Millisecond, "without Claim, which watches the file")
}

func openLogged(t *testing.T, url string, log io.Writer) *store.Store {
	s, err := store.Open(t.Context(), url, store.Options{}, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}
