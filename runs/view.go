package runs

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/events"
	"beckon/internal/store"
)

// Viewed notes that somebody has looked at a run. Those outside who ask for it are told of the first time that this
// happens to a run that has ended.
func (s *Service) Viewed(ctx context.Context, r *Run) error {
	if !r.Status.Ended() || r.viewed {
		return nil
	}
	r = s.named(r)
	if !s.Events.Wanted(r.subject(), events.Event{Type: events.RunViewed, Name: r.EventNames[events.RunViewed]}) {
		return nil
	}
	now := time.Now().UTC()
	return s.Store.Write(ctx, func(tx store.Tx) error {
		if first, err := noteViewed(tx, r.ID, now); err != nil || !first {
			return err
		}
		event := runEventOf("evt_"+ulid.Make().String(), r, events.RunViewed, now, countNodes(r.Nodes))
		event.Transient = true
		return s.Events.Append(tx, r.subject(), []events.Event{event})
	})
}
