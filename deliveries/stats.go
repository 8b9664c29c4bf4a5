package deliveries

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Stats is how the deliveries are getting on.
type Stats struct {
	ByStatus  map[Status]int64    // PENDING and SENDING at this moment, the others of those made since
	InTrouble []UnhealthyEndpoint // endpoints that fail or are disabled, in the order of their ids
}

// UnhealthyEndpoint is an endpoint that does not take its deliveries.
type UnhealthyEndpoint struct {
	EndpointID string
	Health
}

// Stats counts the deliveries that were made since a time.
func (s *Service) Stats(ctx context.Context, since time.Time) (*Stats, error) {
	counts, err := s.storage.countByStatus(ctx, since)
	if err != nil {
		return nil, err
	}
	stats := &Stats{ByStatus: counts}
	stats.InTrouble, err = s.InTrouble(ctx)
	return stats, err
}

// InTrouble returns the endpoints that fail or are disabled, in the order of their ids.
func (s *Service) InTrouble(ctx context.Context) (list []UnhealthyEndpoint, err error) {
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
			list = append(list, UnhealthyEndpoint{id, h})
		}
	}
	slices.SortFunc(list, func(a, b UnhealthyEndpoint) int { return strings.Compare(a.EndpointID, b.EndpointID) })
	return list, nil
}
