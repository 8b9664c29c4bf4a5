package deliveries_test

import (
	"net/http"
	"testing"
	"time"

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
