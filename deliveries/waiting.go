package deliveries

import (
	"context"
	"fmt"
	"time"

	"beckon/internal/store"
)

// WaitFor is how long deliveries wait for a disabled endpoint beyond the time at which they were due.
const WaitFor = 24 * time.Hour

// Waiting counts the deliveries of some endpoints that wait: for their first attempt, a retry, or to be enabled. Those
// for whom nothing waits are left out.
func (s *Service) Waiting(ctx context.Context, ids []string) (map[string]int64, error) {
	waiting := map[string]int64{}
	if len(ids) == 0 {
		return waiting, nil
	}
	idOf, lanes := map[string]string{}, make([]string, len(ids))
	for i, id := range ids {
		lanes[i] = endpointLane(id)
		idOf[lanes[i]] = id
	}
	type count struct {
		Lane string
		N    int64
	}
	// By lane, which is what the index of those that wait begins with.
	rows, err := store.Rows[count](s.Store.Read(ctx), "SELECT lane, COUNT(*) AS n FROM deliveries WHERE status = 'PENDING' AND lane IN (?) GROUP BY lane", lanes)
	if err != nil {
		return nil, fmt.Errorf("count the deliveries that wait: %w", err)
	}
	for _, w := range rows {
		waiting[idOf[w.Lane]] = w.N
	}
	return waiting, nil
}

// FailedSince counts the deliveries that were made since a time and have failed for good, by endpoint; those to the webhooks
// of calls are under the empty id. A test that failed has nothing to tell anybody.
func (s *Service) FailedSince(ctx context.Context, since time.Time) (map[string]int64, error) {
	type count struct {
		EndpointID *string
		N          int64
	}
	rows, err := store.Rows[count](s.Store.Read(ctx), "SELECT endpoint_id, COUNT(*) AS n FROM deliveries WHERE status = 'FAILED' AND id >= ? AND created_at >= ? AND type <> ? GROUP BY endpoint_id", firstID(since), since.UnixMilli(), EndpointTest)
	if err != nil {
		return nil, fmt.Errorf("count the deliveries that have failed: %w", err)
	}
	failed := map[string]int64{}
	for _, w := range rows {
		failed[deref(w.EndpointID)] = w.N
	}
	return failed, nil
}
