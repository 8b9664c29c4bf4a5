package deliveries

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/internal/work"
)

// Whatever deliveries are asked for, and whatever becomes of old ones, only those are read that it is about.
func TestNothingReadsAllDeliveries(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		storetest.Fill(t, s, 20_000)
		asked := storetest.Record(s)
		ctx := context.Background()
		service := New(Config{Store: s, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics("test"), Work: work.New(s, slog.New(slog.DiscardHandler))})
		service.endpoints.Store(&book{list: []*target{{Endpoint: Endpoint{ID: storetest.Endpoint}}}})
		for _, endpoint := range []string{"", storetest.Endpoint, storetest.IdleTarget, "none"} {
			for _, status := range []Status{"", Pending, Sending, Delivered, Failed} {
				q := Query{EndpointID: endpoint, Status: status, Limit: DefaultPage}
				list, next, err := service.List(ctx, q)
				require.NoError(t, err)
				for _, d := range list {
					require.True(t, status == "" || d.Status == status)
					require.True(t, endpoint == "" || d.EndpointID == endpoint)
					_, _, err := service.Get(ctx, d.ID)
					require.NoError(t, err)
					_, _, err = service.List(ctx, Query{RunID: d.RunID, EndpointID: endpoint, Status: status, Limit: DefaultPage})
					require.NoError(t, err)
				}
				q.Cursor = next
				_, _, err = service.List(ctx, q)
				require.NoError(t, err)
			}
		}
		for _, since := range []time.Duration{time.Hour, 28 * 24 * time.Hour} {
			_, err := service.Stats(ctx, time.Now().Add(-since))
			require.NoError(t, err)
			_, err = service.FailedSince(ctx, time.Now().Add(-since))
			require.NoError(t, err)
		}
		_, err := service.Waiting(ctx, []string{storetest.Endpoint, storetest.IdleTarget})
		require.NoError(t, err)
		require.NoError(t, service.retain(ctx, time.Now().Add(-25*24*time.Hour)))
		require.Empty(t, asked.Costly(t, "DELETE FROM attempts WHERE delivery_id IN")) // PostgreSQL rather reads so few than looks 200 up
	})
}
