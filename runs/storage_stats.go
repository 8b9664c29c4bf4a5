package runs

import (
	"context"
	"fmt"

	"beckon/internal/store"
)

// countByHour counts the runs since an hour: note is told how many have a status and, in milliseconds, a latency. It reads the
// index runs_by_hour in its order; on PostgreSQL that alone, once the table has been vacuumed.
func (s storage) countByHour(ctx context.Context, from int64, note func(hour int64, status Status, latency *int64, n, tokens int64)) error {
	err := s.store.Read(ctx).Each(func(scan func(into ...any) error) error {
		var hour, n, tokens int64
		var status string
		var latency *int64
		if err := scan(&hour, &status, &latency, &n, &tokens); err != nil {
			return err
		}
		note(hour, Status(status), latency, n, tokens)
		return nil
	}, "SELECT hour, status, latency, COUNT(*), SUM(total_tokens) FROM runs WHERE hour >= ? GROUP BY hour, status, latency", from)
	if err != nil {
		return fmt.Errorf("count runs: %w", err)
	}
	return nil
}

// lastFailed returns the last runs that failed, without their texts.
func (s storage) lastFailed(ctx context.Context, limit int) ([]row, error) {
	rows, err := store.Rows[row](s.store.Read(ctx), `SELECT id, client_id, workflow_id, error_code, error_message, created_at FROM runs
		WHERE status = 'FAILED' AND status <> 'COMPLETED' ORDER BY id DESC LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("look for failed runs: %w", err)
	}
	return rows, nil
}
