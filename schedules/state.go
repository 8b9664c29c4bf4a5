package schedules

import (
	"context"
	"time"

	"beckon/clients"
)

// State is what is known of a client's times.
type State struct {
	NextRun   time.Time // zero where nothing comes
	LastRun   time.Time // of its schedule; zero where it has started none
	LastRunID string
	Zone      *time.Location // of its schedule

	LastCall    time.Time // zero where none is known. It is known only of clients that are expected to call.
	SilentSince time.Time // when it was told that the client is silent; zero when it has called since
}

// States returns the states of clients that are in force, by their ids.
func (s *Service) States(ctx context.Context, ids []string) (map[string]State, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	tx := s.Store.Read(ctx)
	schedules, err := s.storage.schedules(tx, ids...)
	if err != nil {
		return nil, err
	}
	watches, err := s.storage.watches(tx, ids...)
	if err != nil {
		return nil, err
	}
	set, all := s.Clients(), make(map[string]State, len(ids))
	for _, id := range ids {
		if m := set.Get(id); m != nil {
			all[id] = s.stateOf(m, schedules[id], watches[id])
		}
	}
	return all, nil
}

func (s *Service) stateOf(m *clients.Member, schedule scheduleRow, watch watchRow) (state State) {
	if schedule.ClientMade == made(m) {
		state.LastRun = timeOf(schedule.LastAt)
		if schedule.LastRunID != nil {
			state.LastRunID = *schedule.LastRunID
		}
	}
	if p, ok := s.planOf(m); ok && m.IsEnabled() && !m.Unusable {
		state.Zone = p.times.Zone()
		if state.NextRun = timeOf(schedule.NextAt); schedule.Spec != p.spec { // it has just been changed
			state.NextRun = p.times.Next(s.Now())
		}
	}
	if m.ExpectEvery > 0 && m.IsEnabled() {
		w := s.watchOf(m)
		if watch.Spec != w.spec {
			watch = watchRow{}
		}
		state.LastCall = w.lastCall(watch)
		if state.LastCall.Equal(watch.calledAt()) {
			state.SilentSince = timeOf(watch.SilentAt)
		}
	}
	return state
}
