package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"
)

const (
	cleanEvery = time.Second
	// A batch keeps SQLite's one writer for some 10 ms. River's own cleaner takes 10,000 jobs at once, and a third of a
	// second.
	cleanBatch = 250
)

// clean deletes the jobs that are done, until ctx ends.
func (q *Queue) clean(ctx context.Context) {
	ticker := time.NewTicker(cleanEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for n := int64(cleanBatch); n == cleanBatch && ctx.Err() == nil; {
			var err error
			if n, err = q.cleanOnce(ctx); err != nil && ctx.Err() == nil {
				q.log.Warn("cannot delete the jobs that are done", slog.Any("error", err))
			}
		}
	}
}

func (q *Queue) cleanOnce(ctx context.Context) (deleted int64, err error) {
	// State and time are in one index. Replicas that clean at the same time leave each other's rows alone.
	statement := "DELETE FROM river_job WHERE id IN (SELECT id FROM river_job WHERE state = 'completed' AND finalized_at < datetime('now', 'subsec', ?) LIMIT ?)"
	if q.store.Shared() {
		statement = "DELETE FROM river_job WHERE id IN (SELECT id FROM river_job WHERE state = 'completed' AND finalized_at < now() + CAST(? AS interval) LIMIT ? FOR UPDATE SKIP LOCKED)"
	}
	horizon := fmt.Sprintf("-%d seconds", int(completedFor.Seconds())) // both databases understand it
	err = q.store.Write(ctx, func(tx *gorm.DB) error {
		result := tx.Exec(statement, horizon, cleanBatch)
		deleted = result.RowsAffected
		return result.Error
	})
	return deleted, err
}
