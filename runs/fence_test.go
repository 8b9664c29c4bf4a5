package runs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/fence"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/runs"
)

// A run that waits in the queue keeps its marker, and knows what third parties have written of its input.
func TestTheFenceIsOnRecord(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		asked := make(chan *fence.Fence, 2)
		entry := &agents.Entry{ID: "a", Timeout: time.Minute, Invoker: agent(func(_ context.Context, call agents.Call) (agents.Result, error) {
			asked <- call.Fence
			return agents.Result{Output: "out"}, nil
		})}
		service := newQueued(t, s, entry)
		for _, made := range []*fence.Fence{fence.New(fence.Spans{{0, 1}, {2, 4}}), nil} {
			run, err := service.Enqueue(t.Context(), runs.Request{ClientID: "c", Entry: entry, Source: runs.SourceAPI, Input: "a bc", Fence: made, ReceivedAt: time.Now()})
			require.NoError(t, err)
			require.Equal(t, made, <-asked)
			require.Equal(t, made, awaitStatus(t, service, run.ID, runs.Completed).Fence)
		}
	})
}
