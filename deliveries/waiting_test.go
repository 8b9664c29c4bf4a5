package deliveries_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// A receiver that gives a delivery up does so for good.
func TestFailedSince(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		r := newReceiver(t, status(http.StatusBadGateway))
		p := newPlant(t, s, endpoint("ops", r, func(e *deliveries.Endpoint) { e.Retry = waits(time.Hour) }), endpoint("chat", r))
		for range 2 {
			_, _, err := p.Test(t.Context(), "ops", "") // which is not tried again
			require.NoError(t, err)
		}
		failed, err := p.FailedSince(t.Context(), p.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Empty(t, failed)
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return tx.Exec("UPDATE deliveries SET type = 'run.completed'") }))
		failed, err = p.FailedSince(t.Context(), p.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"ops": 2}, failed)
		failed, err = p.FailedSince(t.Context(), p.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Empty(t, failed)

		// To the webhook of a call and to another endpoint: for each a delivery and a test.
		for _, values := range []string{"NULL, 'run.completed'", "NULL, 'endpoint.test'", "'chat', 'run.failed'", "'chat', 'endpoint.test'"} {
			endpoint, kind, _ := strings.Cut(values, ", ")
			require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
				return tx.Exec(`INSERT INTO deliveries
						(id, lane, endpoint_id, event_id, type, status, reason, first_at, due_at, created_at)
					SELECT ?, lane, `+endpoint+", event_id, "+kind+`, status, reason, first_at, due_at, created_at
					FROM deliveries WHERE type = 'run.completed' AND endpoint_id = 'ops' LIMIT 1`,
					"dlv_"+ulid.Make().String())
			}))
		}
		failed, err = p.FailedSince(t.Context(), p.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"ops": 2, "chat": 1, "": 1}, failed)
	})
}

func TestWaiting(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		r := newReceiver(t, nil)
		p := newPlant(t, s, endpoint("ops", r), endpoint("chat", r), endpoint("well", r))
		require.NoError(t, p.Disable(t.Context(), "ops"))
		require.NoError(t, p.Disable(t.Context(), "chat"))
		p.happens(ofTriage, events.RunCompleted)
		p.happens(ofTriage, events.RunCompleted)
		p.settled("well", deliveries.Delivered, 2)

		waiting, err := p.Waiting(t.Context(), []string{"ops", "well", "none"})
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"ops": 2}, waiting)
		waiting, err = p.Waiting(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, waiting)
	})
}
