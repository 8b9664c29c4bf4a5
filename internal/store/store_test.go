package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

var errMine = errors.New("mine")

func insert(tx store.Tx, id string) error {
	return tx.Exec("INSERT INTO runs (id, status, client_id, workflow_id, source, input, created_at) VALUES (?, 'RUNNING', 'c', 'a', 'webhook', 'x', 1)", id)
}

func count(t *testing.T, s *store.Store) int64 {
	return storetest.Row[int64](t, s, "SELECT COUNT(*) FROM runs")
}

func TestWriteIsVisibleWhenItReturns(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		for i := range 5 {
			require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, fmt.Sprint(i)) }))
			require.EqualValues(t, i+1, count(t, s))
		}
	})
}

// A bad write among many takes back its own changes, also those made before it failed, and nobody else's.
func TestOneBadWriteFailsAlone(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		const writers = 200
		var wg sync.WaitGroup
		errs := make([]error, writers)
		for i := range writers {
			wg.Go(func() {
				errs[i] = s.Write(context.Background(), func(tx store.Tx) error {
					if err := insert(tx, fmt.Sprint("w", i)); err != nil {
						return err
					}
					switch i % 4 {
					case 1:
						return errMine
					case 2:
						return insert(tx, fmt.Sprint("w", i)) // breaks the primary key
					case 3:
						panic("mine too")
					}
					return nil
				})
			})
		}
		wg.Wait()
		for i, err := range errs {
			switch i % 4 {
			case 0:
				require.NoError(t, err)
			case 1:
				require.ErrorIs(t, err, errMine)
			default:
				require.Error(t, err)
			}
		}
		require.EqualValues(t, writers/4, count(t, s))
	})
}

// Each write has the values of its own caller, also where several share a transaction.
func TestWritesHaveTheValuesOfTheirCallers(t *testing.T) {
	type key struct{}
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				var got any
				write := s.Write
				if i%2 == 0 {
					write = s.WriteUntil
				}
				err := write(context.WithValue(t.Context(), key{}, i), func(tx store.Tx) error {
					got = tx.Context().Value(key{})
					return nil
				})
				require.NoError(t, err)
				require.Equal(t, i, got)
			})
		}
		wg.Wait()
	})
}

func TestWriteOfACallerWhoLeftIsNotBegun(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errMine)
		err := s.Write(ctx, func(tx store.Tx) error { return insert(tx, "x") })
		require.Error(t, err)
		require.Zero(t, count(t, s))
	})
}

func TestWriteAfterClose(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, err := store.Open(t.Context(), url, store.Options{}, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		require.NoError(t, s.Close())
		require.Error(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "x") }))
	})
}

func TestOpenedAtOnceByMany(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		var wg sync.WaitGroup
		stores := make([]*store.Store, 6)
		errs := make([]error, len(stores))
		for i := range stores {
			wg.Go(func() {
				stores[i], errs[i] = store.Open(context.Background(), url, store.Options{}, slog.New(slog.DiscardHandler))
			})
		}
		wg.Wait()
		for i, s := range stores {
			require.NoError(t, errs[i])
			require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, fmt.Sprint(i)) }))
		}
		require.EqualValues(t, len(stores), count(t, stores[0]))
		for _, s := range stores {
			require.NoError(t, s.Close())
		}
	})
}

func TestADatabaseFromTheFutureIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
			return tx.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, ?)", true)
		}))
		_, err := store.Open(t.Context(), url, store.Options{}, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, "a newer Beckon has used it")
	})
}

func TestALockedFileIsUnavailable(t *testing.T) {
	if testing.Short() {
		t.Log("this test waits for the busy timeout of 5 s")
	}
	url := storetest.SQLite(t)
	s, other := storetest.Open(t, url), storetest.Open(t, url)
	release, locked, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- other.Write(context.Background(), func(tx store.Tx) error {
			close(locked)
			<-release
			return nil
		})
	}()
	<-locked
	err := s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "x") })
	require.True(t, problem.Is(err, problem.Unavailable), "%v", err)
	require.NotContains(t, problem.Of(err).Detail, "SQL statement")
	require.NotZero(t, problem.Of(err).RetryAfter)
	close(release)
	require.NoError(t, <-done)
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "x") }))
}

// A disk that is full is played by SQLite's own limit of pages, which gives the same SQLITE_FULL.
func TestAFullDiskIsUnavailableAndLosesNothing(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "before") }))
	limit := func(pages int) {
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
			return tx.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
		}))
	}
	limit(40)
	var err error
	written := 1
	for i := 0; err == nil && i < 100; i++ {
		err = s.Write(t.Context(), func(tx store.Tx) error {
			return tx.Exec("INSERT INTO runs (id, status, client_id, workflow_id, source, input, created_at) VALUES (?, 'RUNNING', 'c', 'a', 'webhook', ?, 1)",
				fmt.Sprint(i), strings.Repeat("x", 8192))
		})
		if err == nil {
			written++
		}
	}
	require.True(t, problem.Is(err, problem.Unavailable), "%v", err)
	require.Contains(t, problem.Of(err).Detail, "full")
	require.EqualValues(t, written, count(t, s))
	limit(1 << 20)
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "after") }))
}

func TestOpenRefuses(t *testing.T) {
	for name, url := range map[string]string{
		"no scheme": "beckon.db", "empty path": "sqlite:", "query in the path": "sqlite:x?mode=memory",
		"no server": "postgres://u:s3cr3t@127.0.0.1:1/x?connect_timeout=1", "garbage": "postgres://u:s3cr3t@%zz",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := store.Open(t.Context(), url, store.Options{}, slog.New(slog.DiscardHandler))
			require.Error(t, err)
			require.NotContains(t, err.Error(), "s3cr3t")
		})
	}
}

func TestTheFileIsPrivate(t *testing.T) {
	url := storetest.SQLite(t)
	storetest.Open(t, url)
	info, err := os.Stat(strings.TrimPrefix(url, "sqlite:"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// BenchmarkWrite is the write load of synchronous calls: every caller inserts a row and updates it.
func BenchmarkWrite(b *testing.B) {
	for _, callers := range []int{1, 32, 128} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := storetest.Open(b, storetest.SQLite(b))
			var wg sync.WaitGroup
			next := make(chan int)
			for range callers {
				wg.Go(func() {
					for i := range next {
						id := fmt.Sprint("run_", b.N, "_", i)
						_ = s.Write(context.Background(), func(tx store.Tx) error { return insert(tx, id) })
						_ = s.Write(context.Background(), func(tx store.Tx) error {
							return tx.Exec("UPDATE runs SET status = 'COMPLETED', output = ?, completed_at = 2 WHERE id = ? AND status = 'RUNNING'", "answer", id)
						})
					}
				})
			}
			b.ResetTimer()
			for i := range b.N {
				next <- i
			}
			close(next)
			wg.Wait()
		})
	}
}

// A caller who leaves while its write is under way hears what became of it: what it reads then is not being written.
func TestLeavingWhileAWriteIsUnderWay(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx, leave := context.WithCancel(t.Context())
		n := 0
		err := s.Write(ctx, func(store.Tx) error {
			leave()
			n++
			return errors.New("no")
		})
		require.Error(t, err)
		require.Equal(t, 1, n)
		require.ErrorIs(t, s.Write(ctx, func(store.Tx) error { n++; return nil }), context.Canceled)
		outcome := make(chan error, 1)
		s.Go(ctx, func(store.Tx) error { n++; return nil }, func(err error) { outcome <- err })
		require.ErrorIs(t, <-outcome, context.Canceled)
		require.Equal(t, 1, n)
	})
}
