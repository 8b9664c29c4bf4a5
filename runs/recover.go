package runs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
)

const (
	recoverBatch = 100 // runs that are recovered in one transaction
	maxCrashes   = 3   // a run that brings down its process each time is not tried forever
)

// Owners implements work.Claimant.
func (s *Service) Owners(ctx context.Context) ([]string, error) { return s.storage.owners(ctx) }

// RecoverFrom implements work.Claimant: the runs of a dead instance that may be retried wait again, the others end.
func (s *Service) RecoverFrom(ctx context.Context, instance string, confirm func(tx store.Tx) error) error {
	for {
		rows, err := s.storage.claimedBy(ctx, instance, recoverBatch)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := s.releaseRows(ctx, rows, confirm); err != nil {
			return err
		}
	}
}

// Reconcile implements work.Claimant. It releases runs that the database assigns to this process but that the
// process does not work on, because the commit of their claim was in doubt or their end could not be written. It
// stops runs that another process has claimed since.
func (s *Service) Reconcile(ctx context.Context) error {
	// before the rows are read: what is claimed meanwhile is not among them
	held, doubted := s.recorded(), s.doubted.All()
	rows, err := s.storage.claims(ctx, s.instance)
	if err != nil {
		return err
	}
	orphans := map[string]int64{} // their claims, by id
	for _, w := range rows {
		if !s.held.Has(w.ID) {
			orphans[w.ID] = w.Claim
		}
		if a := held[w.ID]; a != nil && a.run.Claim == w.Claim {
			delete(held, w.ID)
		}
	}
	for _, a := range held {
		a.cancel(errEnded) // which does nothing to one that has just ended
	}
	// One that was claimed anew since is none: it was put away meanwhile for a person, who has decided.
	claimedAnew := func(w row) bool { return w.Claim != orphans[w.ID] }
	if err := s.releaseOrphans(ctx, slices.Collect(maps.Keys(orphans)), claimedAnew); err != nil {
		return err
	}
	s.doubted.Drop(doubted...)
	return nil
}

// releaseOrphans releases runs that this process has claimed and does not hold, but those that are excepted.
func (s *Service) releaseOrphans(ctx context.Context, ids []string, except func(row) bool) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := s.storage.claimedAmong(ctx, ids, s.instance)
	rows = slices.DeleteFunc(rows, except)
	if err != nil || len(rows) == 0 {
		return err
	}
	return s.releaseRows(ctx, rows, func(store.Tx) error { return nil })
}

// releaseRows lets runs be claimed again whose owner does not work on them any more, or ends them.
func (s *Service) releaseRows(ctx context.Context, rows []row, confirm func(tx store.Tx) error) error {
	var released []released
	err := s.Store.Write(ctx, func(tx store.Tx) error {
		released = released[:0] // it may be called twice
		if err := confirm(tx); err != nil {
			return err
		}
		for i := range rows {
			r, err := s.release(tx, &rows[i])
			if err != nil && !errors.Is(err, errEnded) {
				return fmt.Errorf("release run %s: %w", rows[i].ID, err)
			}
			released = append(released, r)
		}
		tx.AfterCommit(s.bell.Ring)
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range released {
		if len(r.events) > 0 {
			s.Events.Publish(r.events)
			s.tellEnd(ctx, r.run)
			s.cancelResponses(r.run)
		}
	}
	return nil
}

// released is a run that was released, with the events of its end if it has ended.
type released struct {
	run    *Run
	events []events.Event
}

// release lets one run be claimed again, or ends it.
func (s *Service) release(tx store.Tx, w *row) (r released, err error) {
	run := w.run()
	crashes := 1
	if s.doubted.Has(run.ID) { // nobody has worked on it under this claim
		crashes = 0
	}
	retried := crashes == 0 || run.RetryOnCrash && run.Crashes+1 < maxCrashes
	if w.CancelRequestedAt == nil && retried && s.Work != nil {
		if err := backToQueue(tx, run.ID, run.Claim, crashes, 0); err != nil {
			return r, err
		}
		// The next attempt writes the answer from its beginning.
		return r, events.Trim(tx, run.ID)
	}
	run.CompletedAt = time.Now().UTC()
	if w.CancelRequestedAt != nil {
		run.fail(canceled)
	} else {
		why, err := s.whyInterrupted(tx, run)
		if err != nil {
			return r, err
		}
		run.fail(why)
	}
	r.run = run
	r.events, err = s.endUnworked(tx, run, Running)
	return r, err
}

// whyInterrupted says why a crash ends a run, and names the call of a tool that may have changed something.
func (s *Service) whyInterrupted(tx store.Tx, r *Run) (*problem.Error, error) {
	if r.acts {
		call, found, err := unknownCall(tx, r.ID)
		if err != nil || found {
			return outcomeUnknown(call), err
		}
	}
	if s.Entry == nil || r.RetryOnCrash {
		return interrupted, nil
	}
	if entry := s.Entry(r.WorkflowID); entry == nil || entry.RetryIsSet {
		return interrupted, nil
	}
	return mayHaveActed, nil
}

// recorded returns the runs of this process whose start is on record.
func (s *Service) recorded() map[string]*Active {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make(map[string]*Active, len(s.byID))
	for id, a := range s.byID {
		select {
		case <-a.recorded:
			list[id] = a
		default:
		}
	}
	return list
}
