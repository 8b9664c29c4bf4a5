package schedules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/units"
	"beckon/runs"
)

// Callers that were refused while no gateway was running get as long to come again, or as long as they are expected
// every.
const returnTime = 30 * time.Second

// replicaLag is how long other gateways may take to write a call down.
const replicaLag = 3 * time.Second

const codeSilent = "client_silent"

// reconcileWatches has each watch that is new or has changed begin now, and removes those that are gone.
func (s *Service) reconcileWatches(ctx context.Context, unusable map[string]bool) error {
	rows, err := s.storage.watches(s.Store.Read(ctx))
	if err != nil {
		return err
	}
	var changed []watchRow
	now := s.Now().UnixMilli()
	for id, w := range s.watches {
		if rows[id].Spec != w.spec {
			changed = append(changed, watchRow{ClientID: id, Spec: w.spec, Since: now})
		}
	}
	var gone []string
	for id := range rows {
		if _, watched := s.watches[id]; !watched && !unusable[id] {
			gone = append(gone, id)
		}
	}
	if len(changed)+len(gone) == 0 {
		return nil
	}
	return s.Store.Write(ctx, func(tx store.Tx) error { return s.storage.putWatches(tx, changed, gone) })
}

// tellOfSilence writes down the calls that have come, and tells of the clients that have not called in time.
func (s *Service) tellOfSilence(ctx context.Context) error {
	if len(s.watches) == 0 {
		return nil
	}
	rows, err := s.storage.watches(s.Store.Read(ctx))
	if err != nil {
		return err
	}
	var errs []error
	for id, w := range s.watches {
		row, ok := rows[id]
		if !ok || row.Spec != w.spec {
			continue // another gateway has other clients in force
		}
		if err := s.watch(ctx, w, row); err != nil {
			errs = append(errs, fmt.Errorf("watch over client %q: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) watch(ctx context.Context, w watch, row watchRow) error {
	now := s.Now()
	called := w.lastCall(row)
	isDue := row.SilentAt != nil || now.Sub(row.calledAt()) >= w.interval()
	if isDue && called.After(row.calledAt()) {
		if err := s.Store.Write(ctx, func(tx store.Tx) error {
			return s.storage.noteCall(tx, row, called)
		}); err != nil {
			return err
		}
		if row.SilentAt != nil {
			s.Log.Info("a client that was silent has called", "client", row.ClientID)
		}
		at := called.UnixMilli()
		row.CalledAt, row.SilentAt = &at, nil
	}
	if s.Idle || row.SilentAt != nil || now.Before(s.silentFrom(w, row, called)) {
		return nil
	}
	return s.tell(ctx, w, row)
}

// lastCall returns the last call that this process or another one has seen. It is zero for none.
func (w watch) lastCall(row watchRow) time.Time {
	called := row.calledAt()
	// before it was another client's
	if here := w.client.LastCall(); here.After(called) && !here.Before(w.client.Since) {
		called = here
	}
	return called
}

// interval is how much older than the last call the one on record may become.
func (w watch) interval() time.Duration { return w.every / 10 }

// silentFrom returns from when on a client counts as silent that has not called since.
func (s *Service) silentFrom(w watch, row watchRow, called time.Time) time.Time {
	since := time.UnixMilli(row.Since)
	if called.After(since) {
		since = called
	}
	from := since.Add(w.every)
	if s.Store.Shared() {
		from = from.Add(replicaLag)
	}
	if start := s.started.Add(min(w.every, returnTime)); start.After(from) {
		return start
	}
	return from
}

// tell tells of a client that is silent, unless another gateway does or has heard of it.
func (s *Service) tell(ctx context.Context, w watch, row watchRow) error {
	data := map[string]any{"clientId": row.ClientID, "expectEvery": units.Duration(w.every).String(), "lastCallAt": nil}
	failure := problem.Failure{
		Code:    codeSilent,
		Message: fmt.Sprintf("The client %q has not called yet, and is expected to call every %s.", row.ClientID, units.Duration(w.every)),
	}
	if last := row.calledAt(); !last.IsZero() {
		at := last.UTC().Format(runs.TimeFormat)
		data["lastCallAt"] = at
		failure.Message = fmt.Sprintf("The client %q has not called since %s, and is expected to call every %s.",
			row.ClientID, at, units.Duration(w.every))
	}
	told := false
	err := s.Store.Write(ctx, func(tx store.Tx) (err error) {
		if told, err = s.storage.noteSilent(tx, row, s.Now()); err != nil || !told {
			return err
		}
		return s.Tell(tx, events.ClientSilent, events.Subject{ClientID: row.ClientID}, failure, data)
	})
	if err == nil && told {
		s.Log.Warn("a client is silent",
			"client", row.ClientID, "expect_every", units.Duration(w.every), "last_call", data["lastCallAt"])
	}
	return err
}

// noteLastCalls writes down the last calls before the process ends.
func (s *Service) noteLastCalls() {
	ctx, cancel := context.WithTimeout(context.Background(), lookEvery)
	defer cancel()
	err := s.Store.Write(ctx, func(tx store.Tx) error {
		for id, w := range s.watches {
			row := watchRow{ClientID: id, Spec: w.spec}
			if called := w.lastCall(row); !called.IsZero() {
				if err := s.storage.noteCall(tx, row, called); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		s.Log.Warn("the last calls of clients could not be written down; some may be told of as silent too early",
			"error", err)
	}
}
