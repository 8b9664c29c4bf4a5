package store_test

import (
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

// A standby as database.url is refused with what to do. What only reads works there, such as a backup.
func TestAStandbyIsRefused(t *testing.T) {
	url := storetest.Postgres(t)
	s, err := store.Open(t.Context(), url, store.Options{}, silent)
	require.NoError(t, err)
	fillTables(t, s)
	require.NoError(t, s.CheckWritable(t.Context()))
	require.NoError(t, s.Close())
	defer storetest.ReadOnly(t, url)()
	_, err = store.Open(t.Context(), url, store.Options{}, silent)
	require.ErrorContains(t, err, "takes no writes, such as a standby: name the primary")
	require.ErrorContains(t, err, "target_session_attrs=read-write")

	s, err = store.OpenAsIs(t.Context(), url, silent)
	require.NoError(t, err)
	defer s.Close()
	require.ErrorContains(t, s.CheckWritable(t.Context()), "name the primary")
	rows := &rowCounter{}
	require.NoError(t, s.Dump(t.Context(), rows))
	require.NotZero(t, rows.n)
}

type rowCounter struct{ n int }

func (*rowCounter) Table(string, []string) error { return nil }

func (c *rowCounter) Row([]any) error {
	c.n++
	return nil
}
