package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// Several gateways that start at once migrate a database one after the other, also where PgBouncer gives each of their
// transactions another connection, and write to it at the same time.
func TestBehindPgBouncer(t *testing.T) {
	const stores, writes = 4, 50
	url := storetest.PgBouncer(t, storetest.Postgres(t))
	var open [stores]*store.Store
	var work sync.WaitGroup
	for i := range open {
		work.Go(func() {
			s, err := store.Open(t.Context(), url, store.Options{}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			open[i] = s
		})
	}
	work.Wait()
	for i, s := range open {
		require.NotNil(t, s)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		for n := range writes {
			work.Go(func() {
				// Half of them are statements of a transaction of their own, and half rows that share one.
				err := s.Write(context.Background(), func(tx store.Tx) error {
					hash := fmt.Sprintf("%d.%d", i, n)
					if n%2 == 0 {
						return tx.Exec("INSERT INTO client_tokens (hash, client_id, created_at) VALUES (?, ?, ?)", hash, "ci", n)
					}
					row := tx.NewRow("client_tokens")
					row.Value("hash", hash)
					row.Value("client_id", "ci")
					row.Value("created_at", n)
					return row.Insert()
				})
				if err != nil {
					t.Errorf("write: %v", err)
				}
			})
		}
	}
	work.Wait()
	require.Equal(t, int64(stores*writes), storetest.Row[int64](t, open[0], "SELECT COUNT(*) FROM client_tokens"))
}

// Whoever has forgotten that PgBouncer keeps no prepared statements is told what to set.
func TestPreparedStatementsBehindPgBouncer(t *testing.T) {
	direct := storetest.Postgres(t)
	storetest.Open(t, direct)
	url := storetest.PgBouncerWithPrepared(t, direct)
	s, err := store.Open(t.Context(), url, store.Options{}, slog.New(slog.DiscardHandler))
	for round := 0; err == nil && round < 100; round++ { // until connections were mixed up
		t.Cleanup(func() { _ = s.Close() })
		var work sync.WaitGroup
		errs := make(chan error, 50)
		for range cap(errs) {
			work.Go(func() { errs <- s.Read(context.Background()).Exec("SELECT value FROM revision WHERE id = ?", 1) })
		}
		work.Wait()
		close(errs)
		for e := range errs {
			if e != nil {
				err = e
			}
		}
	}
	require.ErrorContains(t, err, "default_query_exec_mode=cache_describe")
}
