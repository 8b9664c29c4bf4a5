package runs

import (
	"context"
	"slices"
	"time"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
)

// Cancel ends a run as CANCELED. A run that is queued, waits for a person or runs in this process ends at once.
// Another process ends its run within two seconds, as soon as it reads the request from the run's row. The error is
// a Conflict if the run has already ended. Canceling a run twice is no error.
func (s *Service) Cancel(ctx context.Context, id string) error {
	var (
		list      []events.Event
		last      *Run // set when it was ended here: nobody worked on it
		wasQueued bool
	)
	err := s.Store.Write(ctx, func(tx store.Tx) (err error) {
		list, last, wasQueued, err = s.cancelIn(tx, id)
		return err
	})
	if err != nil {
		return err
	}
	s.Events.Publish(list)
	if last != nil {
		s.bell.Ring() // the next run of its session waits for it
		if wasQueued {
			s.waiting.Add(-1)
		}
		s.tellEnd(ctx, last)
		s.cancelResponses(last)
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
	return s.releaseOrphans(ctx, ids, func(row) bool { return false })
}

func (s *Service) cancelIn(tx store.Tx, id string) (list []events.Event, ended *Run, wasQueued bool, err error) {
	now := time.Now().UTC()
	w, found, err := s.storage.requestCancel(tx, id, now)
	if err != nil {
		return nil, nil, false, err
	}
	if !found {
		return nil, nil, false, problem.New(problem.Conflict, problem.CodeRunEnded, "The run has ended already.")
	}
	if Status(w.Status) == Running {
		return nil, nil, false, nil // whoever works on it sees it
	}
	run := w.run()
	run.CompletedAt = now
	run.fail(canceled)
	list, err = s.endUnworked(tx, run, Status(w.Status))
	return list, run, Status(w.Status) == Queued, err
}

// lookForCancels cancels the runs of this process that were canceled in another.
func (s *Service) lookForCancels(ctx context.Context) error {
	ids, err := s.storage.cancelRequested(ctx, s.instance)
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
