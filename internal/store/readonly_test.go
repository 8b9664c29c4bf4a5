package store_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// A database that can be read and not be written is not ready, until somebody, or the watch, has written to it.
func TestADatabaseThatTakesNoWritesIsNotReady(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, url)
	require.NoError(t, s.Claim())
	before, err := catalog.Revision(t.Context(), s)
	require.NoError(t, err)
	restore := storetest.ReadOnly(t, url)
	requireUnavailable(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "x") }))
	require.Eventually(t, func() bool {
		return problem.Of(s.Health(t.Context())).Detail == "Beckon cannot write to its database: it is read-only. "+
			"It is ready again as soon as a write succeeds."
	}, patience, 10*time.Millisecond)
	require.Zero(t, count(t, s), "it can be read all the while")
	restore()
	require.Eventually(t, func() bool { return s.Health(t.Context()) == nil }, patience, 10*time.Millisecond)
	after, err := catalog.Revision(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, before, after, "the watch leaves nothing behind")
}

// Who has named a standby is told so at the start.
func TestAStandbyIsNoDatabase(t *testing.T) {
	url := storetest.Postgres(t)
	storetest.Open(t, url)
	defer storetest.ReadOnly(t, url)()
	_, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "database.url must lead to the primary, not to a standby")
}
