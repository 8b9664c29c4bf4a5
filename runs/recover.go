package runs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"beckon/events"
	"beckon/internal/jobs"
)

const (
	recoverBatch = 100 // runs that are looked after in one transaction
	maxCrashes   = 3   // a run that brings down its process each time is not tried forever
	overdue      = 15 * time.Second
)

// recover looks after the runs of instances that have died: those that may be retried wait again, the others end.
// Several processes may do so at the same time; each run is looked after once.
func (s *Service) recover(ctx context.Context) error {
	alive, dead, err := s.storage.alive(ctx, s.instance)
	if err != nil {
		return err
	}
	for _, instance := range dead {
		n, err := s.recoverFrom(ctx, instance)
		if err != nil {
			return err
		}
		if err := s.enqueueLost(ctx, alive); err != nil {
			return err
		}
		if err := s.Store.Write(ctx, func(tx *gorm.DB) error { return forget(tx, instance) }); err != nil {
			return fmt.Errorf("forget instance %s: %w", instance, err)
		}
		s.Log.Info("looked after what a dead process has left", "instance", instance, "runs", n)
	}
	if s.Inherit != nil {
		if err := s.Inherit(ctx, alive); err != nil {
			return err
		}
	}
	return s.nudge(ctx)
}

func (s *Service) recoverFrom(ctx context.Context, instance string) (n int, err error) {
	for {
		var rows []row
		err := s.Store.Read(ctx).Raw("SELECT * FROM runs WHERE instance_id = ? AND status = 'RUNNING' ORDER BY id LIMIT ?", instance, recoverBatch).Scan(&rows).Error
		if err != nil {
			return n, fmt.Errorf("list the runs of instance %s: %w", instance, err)
		}
		if len(rows) == 0 {
			return n, nil
		}
		var ended []*recovered
		err = s.Store.Write(ctx, func(tx *gorm.DB) error {
			ended = nil // it may be called twice
			for i := range rows {
				r, err := s.recoverRun(tx, &rows[i], instance)
				if err != nil {
					return fmt.Errorf("recover run %s: %w", rows[i].ID, err)
				}
				ended = append(ended, r)
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		for _, r := range ended {
			if len(r.events) > 0 {
				s.Events.Publish(r.events)
				s.tellEnd(r.run)
			}
		}
		n += len(rows)
	}
}

// recovered is a run of a dead instance, with the events of its end if it has come to that.
type recovered struct {
	run    *Run
	events []events.Event
}

// recoverRun lets one run of a dead instance go on, or ends it.
func (s *Service) recoverRun(tx *gorm.DB, w *row, instance string) (_ *recovered, err error) {
	run := w.run()
	if w.CancelRequestedAt == nil && run.RetryOnCrash && run.Crashes+1 < maxCrashes && s.Queue != nil {
		err := backToQueue(tx, run.ID, instance, 1)
		if errors.Is(err, errEnded) {
			return &recovered{}, nil
		}
		if err != nil {
			return nil, err
		}
		// What the dead process had streamed of an answer is written anew.
		if err := events.Trim(tx, run.ID); err != nil {
			return nil, err
		}
		return &recovered{}, s.Queue.Enqueue(tx, jobs.Job{Kind: JobKind, ID: run.ID, Priority: PriorityFirst})
	}
	run.CompletedAt = time.Now().UTC()
	if w.CancelRequestedAt != nil {
		run.fail(canceled)
	} else {
		run.fail(interrupted)
	}
	r := &recovered{run: run}
	r.events, err = s.endUnworked(tx, run, Running, instance)
	return r, err
}

// enqueueLost gives new jobs to the waiting runs whose jobs a dead process had fetched and not finished.
func (s *Service) enqueueLost(ctx context.Context, alive []string) error {
	if s.Queue == nil {
		return nil
	}
	ids, err := s.Queue.Lost(ctx, JobKind, alive)
	if err != nil || len(ids) == 0 {
		return err
	}
	return s.Store.Write(ctx, func(tx *gorm.DB) error {
		for part := range slices.Chunk(ids, recoverBatch) {
			var queued []string
			if err := tx.Raw("SELECT id FROM runs WHERE id IN (?) AND status = 'QUEUED'", part).Scan(&queued).Error; err != nil {
				return fmt.Errorf("look for runs without a job: %w", err)
			}
			if err := s.Queue.Enqueue(tx, jobsOf(queued, jobs.First)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// nudge gives a new job to the oldest run of each client that has waited for long: its own may have come to nothing
// because the client had as many runs as it may. A job too many does no harm.
func (s *Service) nudge(ctx context.Context) error {
	if s.Queue == nil {
		return nil
	}
	var ids []string
	err := s.Store.Read(ctx).Raw("SELECT MIN(id) FROM runs WHERE status = 'QUEUED' AND created_at < ? GROUP BY client_id", time.Now().Add(-overdue).UnixMilli()).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return err
	}
	return s.Store.Write(ctx, func(tx *gorm.DB) error { return s.Queue.Enqueue(tx, jobsOf(ids, jobs.Default)...) })
}
