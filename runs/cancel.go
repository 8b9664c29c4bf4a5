package runs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"beckon/events"
	"beckon/internal/problem"
)

// Cancel ends a run CANCELED: at once when it waits or runs here, else within two seconds, when the process that works
// on it has seen what is written on the run. A Conflict says that it has ended already; to cancel twice is no error.
func (s *Service) Cancel(ctx context.Context, id string) error {
	var (
		list []events.Event
		last *Run // set when it was ended here, in the queue
	)
	err := s.Store.Write(ctx, func(tx *gorm.DB) (err error) {
		list, last, err = s.cancelIn(tx, id)
		return err
	})
	if err != nil {
		return err
	}
	s.Events.Publish(list)
	if last != nil {
		s.waiting.Add(-1)
		s.tellEnd(ctx, last)
	}
	if a := s.here(id); a != nil {
		a.Cancel()
		return nil
	}
	return s.cancelOrphans(ctx, []string{id})
}

// cancelOrphans ends those of the canceled runs that this process owns on record and does not hold.
func (s *Service) cancelOrphans(ctx context.Context, ids []string) error {
	ids = slices.DeleteFunc(ids, s.held.Has)
	return s.releaseOrphans(ctx, ids)
}

func (s *Service) cancelIn(tx *gorm.DB, id string) ([]events.Event, *Run, error) {
	now := time.Now().UTC()
	var found []row
	err := tx.Raw("UPDATE runs SET cancel_requested_at = COALESCE(cancel_requested_at, ?) WHERE id = ? AND status IN ('QUEUED', 'RUNNING') RETURNING *", now.UnixMilli(), id).Scan(&found).Error
	if err != nil {
		return nil, nil, fmt.Errorf("cancel run %s: %w", id, err)
	}
	if len(found) == 0 {
		return nil, nil, problem.New(problem.Conflict, problem.CodeRunEnded, "The run has ended already.")
	}
	if Status(found[0].Status) == Running {
		return nil, nil, nil // whoever works on it sees it
	}
	run := found[0].run()
	run.CompletedAt = now
	run.fail(canceled)
	list, err := s.endUnworked(tx, run, Queued)
	return list, run, err
}

// lookForCancels cancels the runs of this process that were canceled in another.
func (s *Service) lookForCancels(ctx context.Context) error {
	var ids []string
	err := s.Store.Read(ctx).Raw("SELECT id FROM runs WHERE instance_id = ? AND status = 'RUNNING' AND cancel_requested_at IS NOT NULL", s.instance).Scan(&ids).Error
	if err != nil {
		return err
	}
	for _, id := range ids {
		if a := s.here(id); a != nil {
			a.Cancel()
		}
	}
	return s.cancelOrphans(ctx, ids)
}
