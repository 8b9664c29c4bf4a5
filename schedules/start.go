package schedules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/store"
)

// onTime is how late a run may be started that is not counted as missed.
const onTime = 10 * time.Second

// errTaken says that another gateway has taken the time, or that the schedule has changed.
var errTaken = errors.New("the time is taken")

// reconcilePlans has each schedule that is new or has changed begin now, and pauses the rows of those that are gone.
func (s *Service) reconcilePlans(ctx context.Context, set *clients.Set, unusable map[string]bool) error {
	rows, err := s.storage.schedules(s.Store.Read(ctx))
	if err != nil {
		return err
	}
	var changed []scheduleRow
	now := s.Now()
	for id, p := range s.plans {
		if rows[id].Spec != p.spec {
			changed = append(changed, scheduleRow{
				ClientID:   id,
				ClientMade: made(p.client),
				Spec:       p.spec,
				NextAt:     msOrNull(p.times.Next(now)),
			})
		}
	}
	var gone []string
	for id, row := range rows {
		switch _, planned := s.plans[id]; {
		case planned || unusable[id]:
		case set.Get(id) == nil:
			gone = append(gone, id)
		case row.Spec != "":
			changed = append(changed, scheduleRow{ClientID: id, ClientMade: row.ClientMade})
		}
	}
	if len(changed)+len(gone) == 0 {
		return nil
	}
	return s.Store.Write(ctx, func(tx store.Tx) error { return s.storage.putSchedules(tx, changed, gone) })
}

// startDue starts a run for each schedule whose time has come. What goes wrong with one keeps no other from starting.
func (s *Service) startDue(ctx context.Context) error {
	if len(s.plans) == 0 {
		return nil
	}
	due, err := s.storage.due(s.Store.Read(ctx), s.Now())
	if err != nil {
		return err
	}
	var errs []error
	for _, row := range due {
		p, ok := s.plans[row.ClientID]
		if !ok || row.Spec != p.spec {
			continue // another gateway has other clients in force
		}
		if err := s.start(ctx, p, row); err != nil && !errors.Is(err, errTaken) {
			errs = append(errs, fmt.Errorf("start the run of client %q: %w", row.ClientID, err))
		}
	}
	return errors.Join(errs...)
}

// start takes the time of a row, with one run for all times that have passed since, or without one where those are
// to be skipped.
func (s *Service) start(ctx context.Context, p plan, row scheduleRow) error {
	now := s.Now()
	slot := time.UnixMilli(*row.NextAt)
	next := p.times.NextOf(slot, now)
	if p.client.SkipsMissed() && now.Sub(slot) > onTime {
		err := s.Store.Write(ctx, func(tx store.Tx) error { return s.storage.skip(tx, row, next) })
		if err == nil {
			s.Log.Info("a schedule has skipped what it missed",
				"client", row.ClientID, "missed_at", slot.UTC(), "next_at", next.UTC())
		}
		return err
	}
	request, err := s.Run(ctx, row.ClientID)
	if err != nil {
		return err
	}
	request.Also = func(tx store.Tx, runID string) error { return s.storage.take(tx, row, next, now, runID) }
	run, err := s.Enqueue(ctx, request)
	switch {
	case err == nil:
		s.Log.Info("a schedule has started a run",
			"client", row.ClientID, "run_id", run.ID, "due_at", slot.UTC(), "next_at", next.UTC())
	case problem.Of(err).Code == problem.CodeShuttingDown:
		return nil // another gateway starts it, or this one after its next start
	}
	return err
}
