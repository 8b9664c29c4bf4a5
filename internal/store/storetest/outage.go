package storetest

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// CutOff lets a PostgreSQL database end its connections and take no others, until restore is called.
func CutOff(t testing.TB, databaseURL string) (restore func()) {
	return altered(t, databaseURL, "ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true")
}

// ReadOnly lets a PostgreSQL database end its connections and refuse all writes, as a standby does, until restore
// is called.
func ReadOnly(t testing.TB, databaseURL string) (restore func()) {
	return altered(t, databaseURL, "SET default_transaction_read_only = on", "RESET default_transaction_read_only")
}

func altered(t testing.TB, databaseURL, change, back string) (restore func()) {
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	name := strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	alter := func(change string) {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, u.String())
		require.NoError(t, err)
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "ALTER DATABASE "+name+" "+change)
		require.NoError(t, err)
		_, err = conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
		require.NoError(t, err)
	}
	alter(change)
	return func() { alter(back) }
}
