package deliveries_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestWaiting(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		r := newReceiver(t, nil)
		p := newPlant(t, s, "here", endpoint("ops", r), endpoint("chat", r), endpoint("well", r))
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
