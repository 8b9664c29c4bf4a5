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

// countByHour counts the runs of the hours from first to last. It reads the index runs_by_hour in its order; on PostgreSQL that
// alone, once the table has been vacuumed.
func (s storage) countByHour(ctx context.Context, first, last int64, each func(runCount)) error {
	err := s.store.ReadLate(ctx).Each(func(scan func(into ...any) error) error {
		var c runCount
		if err := scan(&c.hour, &c.status, &c.latency, &c.n, &c.tokens, &c.cost); err != nil {
			return err
		}
		each(c)
		return nil
	}, `SELECT hour, status, latency, COUNT(*), SUM(total_tokens), CAST(SUM(cost) AS BIGINT) FROM runs
		WHERE hour >= ? AND hour <= ? GROUP BY hour, status, latency`, first, last)
	return store.Wrap(err, "count runs")
}

// hourRow is a row of run_hours.
type hourRow struct {
	Hour   int64
	Counts string
}

// writtenHours returns the counts that are on record since an hour.
func (s storage) writtenHours(ctx context.Context, from int64) ([]hourRow, error) {
	rows, err := store.Rows[hourRow](s.store.ReadLate(ctx), "SELECT hour, counts FROM run_hours WHERE hour >= ?", from)
	return rows, store.Wrap(err, "read the counts of runs")
}

// writeHours puts counts on record. Those that another process has put there stay.
func (s storage) writeHours(ctx context.Context, rows []hourRow) error {
	err := s.store.Write(ctx, func(tx store.Tx) error {
		for _, r := range rows {
			if err := tx.Exec("INSERT INTO run_hours (hour, counts) VALUES (?, ?) ON CONFLICT (hour) DO NOTHING",
				r.Hour, r.Counts); err != nil {
				return err
			}
		}
		return nil
	})
	return store.Wrap(err, "write the counts of runs")
}

// deleteHours deletes the counts of before an hour.
func (s storage) deleteHours(ctx context.Context, before int64) error {
	err := s.store.Write(ctx, func(tx store.Tx) error { return tx.Exec("DELETE FROM run_hours WHERE hour < ?", before) })
	return store.Wrap(err, "delete old counts of runs")
}

// lastFailed returns the last runs that failed, without their texts.
func (s storage) lastFailed(ctx context.Context, limit int) ([]row, error) {
	rows, err := store.Rows[row](s.store.ReadLate(ctx), `SELECT id, client_id, workflow_id,
			error_code, error_message, created_at FROM runs
		WHERE status = 'FAILED' AND status <> 'COMPLETED' ORDER BY id DESC LIMIT ?`, limit)
	return rows, store.Wrap(err, "look for failed runs")
}
