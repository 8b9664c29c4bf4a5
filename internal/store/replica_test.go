package store_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestAReadReplica(t *testing.T) {
	primary, replica := storetest.Postgres(t), storetest.Postgres(t)
	copied, err := store.Open(t.Context(), replica, store.Options{}, slog.New(slog.DiscardHandler)) // stands in for a copy: it has what the database lacks
	require.NoError(t, err)
	defer copied.Close()
	revision := func(tx store.Tx) int {
		n, _, err := store.Row[int](tx, "SELECT value FROM revision WHERE id = 1")
		require.NoError(t, err)
		return n
	}
	require.NoError(t, copied.Write(t.Context(), func(tx store.Tx) error { return tx.Exec("UPDATE revision SET value = 4711 WHERE id = 1") }))

	s, err := store.Open(context.Background(), primary, store.Options{ReadURL: replica, MaxConnections: 4}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer s.Close()
	require.Equal(t, 4711, revision(s.ReadLate(t.Context())))
	require.NotEqual(t, 4711, revision(s.Read(t.Context())))

	gone, err := store.Open(context.Background(), primary,
		store.Options{ReadURL: "postgres://nobody@127.0.0.1:1/gone?connect_timeout=1"}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer gone.Close()
	require.NotEqual(t, 4711, revision(gone.ReadLate(t.Context())), "a replica that does not answer is not asked")
}
