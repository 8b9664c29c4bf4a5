package deliveries

import (
	"context"
	"fmt"
	"maps"
	"time"

	"beckon/internal/store"
)

// countPending counts the deliveries that wait.
func (s storage) countPending(ctx context.Context) (int64, error) {
	n, _, err := store.Row[int64](s.store.Read(ctx), "SELECT COUNT(*) FROM deliveries WHERE status = 'PENDING'")
	return n, err
}

// countByStatus counts deliveries: of those that have ended, those that were made since a time.
func (s storage) countByStatus(ctx context.Context, since time.Time) (map[Status]int64, error) {
	counts, from := map[Status]int64{}, since.UnixMilli()
	// The statuses are written out, so that the database can use its partial indexes.
	for _, part := range []struct {
		status Status
		where  string
		values []any
	}{
		{Pending, "status = 'PENDING'", nil},
		{Sending, "status = 'SENDING'", nil},
		{Delivered, "status = 'DELIVERED' AND created_at >= ?", []any{from}},
		{Failed, "status = 'FAILED' AND id >= ? AND created_at >= ?", []any{firstID(since), from}},
	} {
		n, _, err := store.Row[int64](s.store.ReadLate(ctx),
			"SELECT COUNT(*) FROM deliveries WHERE "+part.where, part.values...)
		if err != nil {
			return nil, fmt.Errorf("count deliveries: %w", err)
		}
		counts[part.status] = n
	}
	return counts, nil
}

// counted is how many deliveries have something in common.
type counted struct {
	By *string
	N  int64
}

// countWaiting counts the deliveries that wait in some lanes, by lane: their index begins with it.
func (s storage) countWaiting(ctx context.Context, lanes []string) ([]counted, error) {
	rows, err := store.Rows[counted](s.store.ReadLate(ctx), `SELECT lane AS "by", COUNT(*) AS n FROM deliveries
		WHERE status = 'PENDING' AND lane IN (?) GROUP BY lane`, lanes)
	return rows, store.Wrap(err, "count the deliveries that wait")
}

// countFailed counts, by endpoint, the deliveries that were made since a time and have failed, but tests.
func (s storage) countFailed(ctx context.Context, since time.Time) (map[string]int64, error) {
	// Each endpoint is looked up behind the last one, and its deliveries are counted in their index alone: neither the older ones
	// are read, nor the rows of any. Tests are few, and are counted by their type.
	const next = "(SELECT endpoint_id FROM deliveries WHERE status = 'FAILED' AND endpoint_id > %s ORDER BY endpoint_id LIMIT 1)"
	first, read := idPrefix+oldest(since), s.store.ReadLate(ctx)
	rows, err := store.Rows[counted](read, `WITH RECURSIVE found (endpoint) AS (
			SELECT `+fmt.Sprintf(next, "''")+` UNION ALL
			SELECT `+fmt.Sprintf(next, "found.endpoint")+` FROM found WHERE endpoint IS NOT NULL
		) SELECT endpoint AS "by",
			(SELECT COUNT(*) FROM deliveries WHERE status = 'FAILED' AND endpoint_id = endpoint AND id >= ?) AS n
		FROM found WHERE endpoint IS NOT NULL
		UNION ALL SELECT NULL, COUNT(*) FROM deliveries WHERE status = 'FAILED' AND endpoint_id IS NULL AND id >= ?`, first, first)
	if err != nil {
		return nil, fmt.Errorf("count the deliveries that have failed: %w", err)
	}
	tests, err := store.Rows[counted](read, `SELECT COALESCE(endpoint_id, '') AS "by", COUNT(*) AS n FROM deliveries
		WHERE type = ? AND id >= ? AND status = 'FAILED' GROUP BY COALESCE(endpoint_id, '')`, EndpointTest, first)
	if err != nil {
		return nil, fmt.Errorf("count the tests that have failed: %w", err)
	}
	failed := map[string]int64{}
	for _, c := range rows {
		failed[deref(c.By)] += c.N
	}
	for _, c := range tests {
		failed[deref(c.By)] -= c.N
	}
	maps.DeleteFunc(failed, func(_ string, n int64) bool { return n == 0 })
	return failed, nil
}
