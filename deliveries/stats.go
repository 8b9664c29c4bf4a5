package deliveries

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"beckon/internal/store"
)

// Stats is how the deliveries are getting on.
type Stats struct {
	ByStatus  map[Status]int64 // PENDING and SENDING at this moment, the others of those made since
	InTrouble []Trouble        // endpoints that fail or are disabled, in the order of their ids
}

// Trouble is an endpoint that does not take its deliveries.
type Trouble struct {
	EndpointID string
	Health
}

// Stats counts the deliveries that were made since a time.
func (s *Service) Stats(ctx context.Context, since time.Time) (*Stats, error) {
	stats := &Stats{ByStatus: map[Status]int64{}}
	from := since.UnixMilli()
	// The statuses are written out, so that the database can use its partial indexes.
	for _, part := range []struct {
		status Status
		where  string
		values []any
	}{
		{Pending, "status = 'PENDING'", nil},
		{Sending, "status = 'SENDING'", nil},
		{Delivered, "status = 'DELIVERED' AND created_at >= ?", []any{from}},
		{Failed, "status = 'FAILED' AND id >= ? AND created_at >= ?", []any{firstID(since), from}},
	} {
		n, _, err := store.Row[int64](s.Store.Read(ctx), "SELECT COUNT(*) FROM deliveries WHERE "+part.where, part.values...)
		if err != nil {
			return nil, fmt.Errorf("count deliveries: %w", err)
		}
		stats.ByStatus[part.status] = n
	}
	var err error
	stats.InTrouble, err = s.InTrouble(ctx)
	return stats, err
}

// InTrouble returns the endpoints that fail or are disabled, in the order of their ids.
func (s *Service) InTrouble(ctx context.Context) (list []Trouble, err error) {
	states, err := s.storage.states(ctx)
	if err != nil {
		return nil, err
	}
	for id, state := range states {
		var h Health
		if state.FailingSince != nil {
			h.FailingSince = time.UnixMilli(*state.FailingSince).UTC()
		}
		if state.DisabledAt != nil {
			h.DisabledAt, h.DisabledReason = time.UnixMilli(*state.DisabledAt).UTC(), deref(state.DisabledReason)
		}
		if h != (Health{}) {
			list = append(list, Trouble{id, h})
		}
	}
	slices.SortFunc(list, func(a, b Trouble) int { return strings.Compare(a.EndpointID, b.EndpointID) })
	return list, nil
}
