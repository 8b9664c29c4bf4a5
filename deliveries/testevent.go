package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
)

// EndpointTest is the type of the event that Test sends where no other is chosen.
const EndpointTest = "endpoint.test"

// Test sends an event to an endpoint, even to a disabled one, and returns the delivery and its attempt. It does not
// retry. name selects an example of an event that an endpoint may receive; empty is EndpointTest. The error is an
// Invalid if there is no such event.
func (s *Service) Test(ctx context.Context, id, name string) (*Delivery, []Attempt, error) {
	t, err := s.endpoint(id)
	if err != nil {
		return nil, nil, err
	}
	e, runID, err := s.testEvent(t, name)
	if err != nil {
		return nil, nil, err
	}
	w := newRow(e, events.Subject{}, endpointLane(id), id, s.Now())
	instance := s.Work.ID()
	w.Status, w.Reason, w.InstanceID, w.Claim = string(Sending), ReasonTest, &instance, 1
	s.held.Hold(w.ID)
	if err := s.Store.Write(ctx, func(tx store.Tx) error { return s.storage.insert(tx, w) }); err != nil {
		s.held.Drop(w.ID)
		return nil, nil, err
	}
	d := &claimed{row: *w, event: e}
	d.RunID = orNull(runID) // in what is sent, and not on record: there is no such run
	o, made := s.attemptNow(d)
	if !made {
		s.held.Drop(w.ID)
		return nil, nil, problem.New(problem.Unavailable, problem.CodeShuttingDown,
			"Beckon is shutting down. Try again in a moment.")
	}
	s.record(d, o)
	return s.Get(ctx, w.ID)
}

// testEvent makes an event to test with, and says which run it claims to be about.
func (s *Service) testEvent(t *target, name string) (e events.Event, runID string, err error) {
	e = events.Event{ID: eventPrefix + ulid.Make().String(), Transient: true}
	now := jsonTime(s.Now())
	if name == "" || name == EndpointTest {
		e.Type = EndpointTest
		e.Payload, err = json.Marshal(map[string]any{
			"success":    true,
			"type":       EndpointTest,
			"runId":      nil,
			"workflowId": nil,
			"metadata":   nil,
			"error":      nil,
			"createdAt":  now,
			"data": map[string]any{
				"endpointId": t.ID,
				"status":     "COMPLETED",
				"message":    "This is a test. Beckon can reach this endpoint.",
			},
		})
		if err != nil {
			return e, "", fmt.Errorf("encode a test event: %w", err)
		}
		return e, "", nil
	}
	kind, ok := s.kindOf(name)
	if !ok {
		var wrong problem.Fields
		wrong.Add("event",
			"there is no event %q; there are %s, and those that agents and flows name in their events",
			problem.Shorten(name), strings.Join(EventNames(), ", "))
		return e, "", wrong.Err()
	}
	list := samplesOf(kind, name, t.sampleAgent(), now)
	m := list[len(list)-1] // whose output is a sentence
	e.Type, e.Payload = kind, m.Payload
	if name != kind {
		e.Name = name
	}
	return e, m.RunID, nil
}

// kindOf returns the type of the event that has a name; false when none has.
func (s *Service) kindOf(name string) (kind string, ok bool) {
	switch {
	case slices.Contains(EventNames(), name):
		return name, true
	case !slices.Contains(s.EventNames(), name):
		return "", false
	}
	if kind := s.EventType(name); kind != "" {
		return kind, true
	}
	// a step of a flow calls it so
	if kind := "node." + name[strings.LastIndexByte(name, '.')+1:]; slices.Contains(EventNames(), kind) {
		return kind, true
	}
	return events.NodeCompleted, true
}
