package deliveries

import (
	"context"
	"fmt"
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

// countFailed counts the deliveries that were made since a time and have failed, by endpoint. It groups by an expression, for
// which no index is in order: SQLite would otherwise read all failed deliveries there are, by the index that begins with the
// endpoint, and not only the last ones.
func (s storage) countFailed(ctx context.Context, since time.Time) ([]counted, error) {
	rows, err := store.Rows[counted](s.store.ReadLate(ctx), `SELECT COALESCE(endpoint_id, '') AS "by", COUNT(*) AS n FROM deliveries
		WHERE status = 'FAILED' AND id >= ? AND created_at >= ? AND type <> ? GROUP BY COALESCE(endpoint_id, '')`,
		firstID(since), since.UnixMilli(), EndpointTest)
	return rows, store.Wrap(err, "count the deliveries that have failed")
}
