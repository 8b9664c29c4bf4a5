package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestAFileGetsSmallerWhenMuchWasDeleted(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	write := func(statement string) {
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return tx.Exec(statement) }))
	}
	write(`CREATE TABLE filler (id INTEGER PRIMARY KEY, text TEXT NOT NULL)`)
	write(`WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 10000)
		INSERT INTO filler (text) SELECT hex(zeroblob(2000)) FROM numbers`)
	size := func() int64 { return storetest.Row[int64](t, s, "PRAGMA page_count") }
	full, rests := size(), 0
	rest := func(context.Context, time.Duration) error {
		rests++
		return nil
	}
	require.NoError(t, s.GiveSpaceBack(t.Context(), rest))
	require.Zero(t, rests, "nothing is free")

	write(`DELETE FROM filler WHERE id > 1000`)
	require.NoError(t, s.GiveSpaceBack(t.Context(), rest))
	require.Greater(t, rests, 10, "in small steps")
	require.Less(t, size(), full/4)
	require.EqualValues(t, 1000, storetest.Row[int64](t, s, "SELECT COUNT(*) FROM filler"))
	require.Equal(t, "ok", storetest.Row[string](t, s, "PRAGMA integrity_check"))
}
