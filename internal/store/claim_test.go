package store_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestOneGatewayClaimsASQLiteFile(t *testing.T) {
	url := storetest.SQLite(t)
	first, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.False(t, first.Shared())
	require.NoError(t, first.Claim())

	second := storetest.Open(t, url)
	require.ErrorContains(t, second.Claim(), "another Beckon serves")
	require.NoError(t, second.Write(t.Context(), func(tx *gorm.DB) error { return insert(tx, "x") }), "who doesn't claim may work on the file")

	require.NoError(t, first.Close())
	require.NoError(t, second.Claim(), "the claim ends with Close")
}

func TestAnyNumberClaimsPostgres(t *testing.T) {
	url := storetest.Postgres(t)
	for range 2 {
		s := storetest.Open(t, url)
		require.True(t, s.Shared())
		require.NoError(t, s.Claim())
	}
}
