package runs

import (
	"context"

	"beckon/internal/store"
)

// runCount is how many runs of an hour have a status and, in milliseconds, a latency.
type runCount struct {
	hour, n, tokens int64
	status          string
	latency, cost   *int64
}

// countByHour counts the runs since an hour. It reads the index runs_by_hour in its order; on PostgreSQL that
// alone, once the table has been vacuumed.
func (s storage) countByHour(ctx context.Context, from int64, each func(runCount)) error {
	err := s.store.ReadLate(ctx).Each(func(scan func(into ...any) error) error {
		var c runCount
		if err := scan(&c.hour, &c.status, &c.latency, &c.n, &c.tokens, &c.cost); err != nil {
			return err
		}
		each(c)
		return nil
	}, `SELECT hour, status, latency, COUNT(*), SUM(total_tokens), CAST(SUM(cost) AS BIGINT) FROM runs WHERE hour >= ?
		GROUP BY hour, status, latency`, from)
	return store.Wrap(err, "count runs")
}

// lastFailed returns the last runs that failed, without their texts.
func (s storage) lastFailed(ctx context.Context, limit int) ([]row, error) {
	rows, err := store.Rows[row](s.store.ReadLate(ctx), `SELECT id, client_id, workflow_id,
			error_code, error_message, created_at FROM runs
		WHERE status = 'FAILED' AND status <> 'COMPLETED' ORDER BY id DESC LIMIT ?`, limit)
	return rows, store.Wrap(err, "look for failed runs")
}
