package runs

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// Whatever runs are asked for, and whatever becomes of old ones, only those are read that it is about.
func TestNothingReadsAllRuns(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		storetest.Fill(t, s, 20_000)
		asked := storetest.Record(s)
		ctx := context.Background()
		service := New(Config{Store: s, Log: slog.New(slog.DiscardHandler)})
		for _, client := range []string{"", storetest.Client, storetest.IdleClient} {
			for _, agent := range []string{"", storetest.Agent, storetest.IdleAgent, storetest.BrokenAgent} {
				for _, status := range []Status{"", Completed, Failed} {
					q := Query{ClientID: client, Agent: agent, Status: status, Limit: DefaultPage, Brief: true, Since: time.Now().Add(-28 * 24 * time.Hour)}
					_, next, err := service.List(ctx, q)
					require.NoError(t, err)
					q.Cursor = next
					list, _, err := service.List(ctx, q)
					require.NoError(t, err)
					for _, r := range list {
						_, err = service.Get(ctx, r.ID)
						require.NoError(t, err)
					}
				}
			}
		}
		_, err := service.Statistics.Since(ctx, time.Now().Add(-MaxStats))
		require.NoError(t, err)
		service.trim(ctx)
		service.retain(ctx, time.Now().Add(-25*24*time.Hour))
		require.Empty(t, asked.Costly(t,
			"SELECT hour, status, latency",       // counts a month, and remembers what it has counted
			"DELETE FROM nodes WHERE run_id IN")) // PostgreSQL rather reads so few nodes than looks 200 up
	})
}

// A page of runs takes as long with many on record as with few.
func BenchmarkList(b *testing.B) {
	for _, many := range []int{0, 100_000} {
		s := storetest.Open(b, storetest.Default(b))
		storetest.Fill(b, s, many)
		service := New(Config{Store: s})
		for name, q := range map[string]Query{
			"all":                         {},
			"of a client":                 {ClientID: storetest.Client},
			"of an agent":                 {Agent: storetest.IdleAgent},
			"of a client and an agent":    {ClientID: storetest.Client, Agent: storetest.Agent},
			"of two that never met":       {ClientID: storetest.IdleClient, Agent: storetest.Agent},
			"completed":                   {Status: Completed},
			"failed":                      {Status: Failed},
			"of a client, completed":      {ClientID: storetest.Client, Status: Completed},
			"of an agent, failed":         {Agent: storetest.IdleAgent, Status: Failed},
			"of an agent, none completed": {Agent: storetest.BrokenAgent, Status: Completed},
		} {
			q.Limit = DefaultPage
			b.Run(fmt.Sprintf("%d/%s", many, name), func(b *testing.B) {
				for b.Loop() {
					_, _, err := service.List(context.Background(), q)
					require.NoError(b, err)
				}
			})
		}
	}
}
