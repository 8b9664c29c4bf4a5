package deliveries

import (
	"context"
	"time"
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
	rows, err := s.storage.countWaiting(ctx, lanes)
	if err != nil {
		return nil, err
	}
	for _, w := range rows {
		waiting[idOf[deref(w.By)]] = w.N
	}
	return waiting, nil
}

// FailedSince counts, by endpoint, the deliveries that were created since a time and have finally failed. Those to
// the webhooks of calls are counted under the empty id. Failed tests do not count.
func (s *Service) FailedSince(ctx context.Context, since time.Time) (map[string]int64, error) {
	return s.storage.countFailed(ctx, since)
}
