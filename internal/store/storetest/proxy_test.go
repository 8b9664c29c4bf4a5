package storetest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// The proxy loses the answers to commits of the chosen statement, however they are made, and nothing else.
func TestProxyLosesAnswers(t *testing.T) {
	t.Parallel()
	ctx, url := t.Context(), storetest.Postgres(t)
	p := storetest.NewProxy(t, url)
	direct, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer direct.Close(ctx)
	_, err = direct.Exec(ctx, "CREATE TABLE things (name TEXT PRIMARY KEY)")
	require.NoError(t, err)
	const insert = "INSERT INTO things (name) VALUES ($1)"
	ways := map[string]func(c *pgx.Conn, name string) error{
		"a transaction": func(c *pgx.Conn, name string) error {
			return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, insert, name)
				return err
			})
		},
		"a statement by itself": func(c *pgx.Conn, name string) error {
			_, err := c.Exec(ctx, insert, name)
			return err
		},
		"a simple query": func(c *pgx.Conn, name string) error {
			_, err := c.Exec(ctx, insert, pgx.QueryExecModeSimpleProtocol, name)
			return err
		},
		"a batch": func(c *pgx.Conn, name string) error {
			batch := &pgx.Batch{}
			batch.Queue("SELECT 1")
			batch.Queue(insert, name)
			return c.SendBatch(ctx, batch).Close()
		},
	}
	for way, do := range ways {
		c, err := pgx.Connect(ctx, p.URL)
		require.NoError(t, err)
		defer c.Close(ctx)
		lost := p.Lose(`INSERT INTO things .*lost`)
		require.NoError(t, do(c, way+" kept"), "its values are others")
		_, err = direct.Exec(ctx, insert, way+" lost")
		require.NoError(t, err)
		require.ErrorContains(t, do(c, way+" lost"), "duplicate key", "nothing is committed")
		_, err = direct.Exec(ctx, "DELETE FROM things WHERE name = $1", way+" lost")
		require.NoError(t, err)
		select {
		case <-lost:
			require.Fail(t, "the answer to something else is lost", way)
		default:
		}
		require.Error(t, do(c, way+" lost"), "the answer to %s is lost", way)
		<-lost
		var n int
		require.NoError(t, direct.QueryRow(ctx, "SELECT COUNT(*) FROM things WHERE name = $1", way+" lost").Scan(&n))
		require.Equal(t, 1, n, "%s is committed", way)

		c, err = pgx.Connect(ctx, p.URL)
		require.NoError(t, err)
		lost = p.LoseAndRefuse(`INSERT INTO things .*lost`)
		require.Error(t, do(c, way+" lost, too"))
		<-lost
		_, err = pgx.Connect(ctx, p.URL)
		require.Error(t, err, "it refuses")
		p.Accept()
	}
}
