package deliveries

import (
	"context"
	"fmt"
	"time"

	"beckon/internal/store"
)

// DefaultPage is how many deliveries a page has that says nothing else.
const DefaultPage = 50

// Query selects deliveries, newest first. Empty and zero members select all.
type Query struct {
	EndpointID string
	RunID      string
	EventID    string
	Type       string // what the event is called outside
	ClientID   string
	Callbacks  bool // only those to the webhook of a call, and none to endpoints
	Status     Status
	Since      time.Time // made then or later
	Until      time.Time // made before
	Limit      int       // at least 1
	Cursor     string    // of the page before; empty for the first
}

// List returns a page of deliveries and the cursor of the next page. The cursor is empty after the last page. If
// few of many deliveries match, a page may be short or empty.
func (s *Service) List(ctx context.Context, q Query) (list []*Delivery, next string, err error) {
	cursors := store.NewCursors(idPrefix, q.EndpointID, q.RunID, q.EventID, q.Type, q.ClientID,
		string(q.Status), fmt.Sprint(q.Callbacks))
	below, err := cursors.Below(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	list, stop, err := s.storage.list(ctx, q, below)
	if err != nil {
		return nil, "", fmt.Errorf("list deliveries: %w", err)
	}
	if stop != "" {
		next = cursors.After(stop)
	}
	return list, next, nil
}

// Get returns a delivery with its attempts in order. The error is a NotFound if there is no such delivery.
func (s *Service) Get(ctx context.Context, id string) (*Delivery, []Attempt, error) {
	d, err := s.storage.get(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	attempts, err := s.storage.attempts(ctx, id)
	return d, attempts, err
}

// AttemptsOf returns the attempts at deliveries, by their ids, the first first.
func (s *Service) AttemptsOf(ctx context.Context, list []*Delivery) (map[string][]Attempt, error) {
	all := make(map[string][]Attempt, len(list))
	for _, d := range list {
		attempts, err := s.storage.attempts(ctx, d.ID)
		if err != nil {
			return nil, err
		}
		all[d.ID] = attempts
	}
	return all, nil
}
