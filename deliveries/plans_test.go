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
		service.endpoints.Store(&endpointSet{list: []*target{{Endpoint: Endpoint{ID: storetest.Endpoint}}}})
		found := 0
		for _, q := range everyQuery() {
			list, next, err := service.List(ctx, q)
			require.NoError(t, err)
			for _, d := range list {
				require.True(t, q.takes(d), "%+v: %+v", q, d)
			}
			if found += len(list); len(list) > 0 {
				d := list[len(list)-1]
				_, _, err := service.Get(ctx, d.ID)
				require.NoError(t, err)
				for _, about := range []Query{{RunID: d.RunID}, {EventID: d.EventID}} {
					about.EndpointID, about.Type, about.ClientID, about.Status = q.EndpointID, q.Type, q.ClientID, q.Status
					about.Since, about.Until, about.Limit = q.Since, q.Until, DefaultPage
					same, _, err := service.List(ctx, about)
					require.NoError(t, err)
					require.Len(t, same, 1)
					require.Equal(t, d.ID, same[0].ID)
				}
			}
			q.Cursor = next
			_, _, err = service.List(ctx, q)
			require.NoError(t, err)
		}
		require.NotZero(t, found)
		for _, since := range []time.Duration{time.Hour, 28 * 24 * time.Hour} {
			_, err := service.Stats(ctx, time.Now().Add(-since))
			require.NoError(t, err)
			_, err = service.FailedSince(ctx, time.Now().Add(-since))
			require.NoError(t, err)
		}
		_, err := service.Waiting(ctx, []string{storetest.Endpoint, storetest.IdleTarget})
		require.NoError(t, err)
		require.NoError(t, service.retain(ctx, time.Now().Add(-25*24*time.Hour)))
		require.Empty(t, asked.Costly(t,
			`SELECT COALESCE(endpoint_id, '') AS "by"`,   // sorts the tests that have failed since a time
			"DELETE FROM attempts WHERE delivery_id IN")) // PostgreSQL rather reads so few than looks 200 up
	})
}

// everyQuery asks for each combination of what there is much of, what there is little and old of, and what there is none of.
func everyQuery() (list []Query) {
	middle := time.Now().Add(-20 * 24 * time.Hour)
	for _, endpoint := range []string{"", storetest.Endpoint, storetest.IdleTarget, "none"} {
		for _, client := range []string{"", storetest.Client, storetest.IdleClient} {
			for _, kind := range []string{"", storetest.LastType, storetest.IdleType} {
				for _, status := range []Status{"", Pending, Sending, Delivered, Failed} {
					q := Query{EndpointID: endpoint, ClientID: client, Type: kind, Status: status, Limit: DefaultPage}
					if list = append(list, q); status == "" || status == Failed {
						since, until := q, q
						since.Since, until.Until = middle, middle
						list = append(list, since, until)
					}
				}
			}
		}
	}
	return list
}

// takes reports whether a delivery is one that is asked for.
func (q Query) takes(d *Delivery) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(q.EndpointID, d.EndpointID) && is(q.ClientID, d.ClientID) && is(q.Type, d.Type) && is(string(q.Status), string(d.Status)) &&
		!d.CreatedAt.Before(q.Since) && (q.Until.IsZero() || d.CreatedAt.Before(q.Until))
}
