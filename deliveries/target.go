package deliveries

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"beckon/deliveries/destinations"
	"beckon/events"
	"beckon/internal/catalog"
	"beckon/internal/problem"
)

// unasked are the events that an endpoint or a callback takes when it names none.
var unasked = []string{
	events.RunStarted, events.RunCompleted, events.RunFailed, events.RunCanceled,
	events.NodeCompleted, events.NodeFailed,
}

// target is an endpoint as it is now, ready for use.
type target struct {
	Endpoint
	format    format
	receiver  *destinations.Receiver // nil for what is no destination
	clean     *cleaner               // takes its secrets out of what a destination answers
	byDefault []string               // the events that it takes when it names none
	disabled  *disabled              // nil when it takes deliveries
}

// disabled says since when and why an endpoint takes no deliveries.
type disabled struct {
	At     time.Time
	Reason string
}

// Why an endpoint is disabled.
const (
	DisabledByHand  = "by_hand" // somebody did, or the configuration says so
	DisabledGone    = "gone"    // it answered 410
	DisabledFailing = "failing" // no attempt has succeeded for five days
)

// WhyDisabled says what one of the Disabled constants means, as a sentence; empty for anything else.
func WhyDisabled(reason string) string {
	switch reason {
	case DisabledGone:
		return "It answered 410 Gone."
	case DisabledFailing:
		return "No attempt has succeeded for five days."
	case DisabledByHand:
		return "Somebody disabled it."
	}
	return ""
}

// endpointSet holds the endpoints of one moment. It never changes.
type endpointSet struct {
	list []*target
	byID map[string]*target
}

// interested reports whether the endpoint takes events about the subject at all. What is about no client or no
// agent is for everybody who asks for it.
func (t *target) interested(about events.Subject) bool {
	return takesAny(t.Clients, about.ClientID) && takesAny(t.Agents, about.WorkflowID)
}

func takesAny(filter []string, value string) bool {
	return len(filter) == 0 || value == "" || slices.Contains(filter, value)
}

// takes reports whether the endpoint takes an event about something that it is interested in.
func (t *target) takes(e events.Event) bool { return takesEvent(t.Events, t.byDefault, e) }

// takesEvent reports whether a filter lets an event through: by the name that it has outside. byDefault are the
// types that it lets through where it names none.
func takesEvent(filter, byDefault []string, e events.Event) bool {
	if len(filter) == 0 {
		return slices.Contains(byDefault, e.Type) && !e.OnRequest
	}
	return slices.Contains(filter, e.OutsideName())
}

// InForce returns the endpoints of a view that receive events. An endpoint of the database that is not in force is
// treated like a disabled one, whose deliveries wait, unless its filters cannot be read.
func InForce(v *catalog.View) []Endpoint {
	list := catalog.All[Endpoint](v)
	for _, r := range catalog.Records[Endpoint](v) {
		e := r.Item
		unknown := slices.ContainsFunc([]string{"", "events", "agents", "clients"}, func(filter string) bool {
			return slices.Contains(r.Unread, filter)
		})
		if len(r.Warnings) > 0 && r.Origin == catalog.FromDatabase && !unknown {
			list = append(list, Endpoint{
				ID:      e.ID,
				URL:     e.URL,
				Events:  e.Events,
				Agents:  e.Agents,
				Clients: e.Clients,
				Enabled: e.Enabled,
				Stopped: true,
			})
		}
	}
	return list
}

// Use replaces the endpoints, and loads their states.
func (s *Service) Use(ctx context.Context, list []Endpoint) error {
	s.using.Lock()
	defer s.using.Unlock()
	return s.use(ctx, list)
}

// use is Use with using held: what was read last has to be what stays.
func (s *Service) use(ctx context.Context, list []Endpoint) error {
	states, err := s.storage.states(ctx)
	if err != nil {
		return err
	}
	if err := s.needKey(ctx, list); err != nil {
		s.Log.Error("there is no key for endpoints with signature: standard-ed25519; "+
			"their deliveries fail until there is", "error", err)
	}
	b := &endpointSet{byID: make(map[string]*target, len(list))}
	for _, e := range list {
		t := &target{Endpoint: e, byDefault: e.eventsByDefault()}
		if t.format, err = parseFormat(e.Format); err != nil {
			return fmt.Errorf("endpoint %q: %w", e.ID, err)
		}
		if d := e.destination(); d != nil {
			receiver, found := d.Open(e.settings())
			if err := found.Err(); err != nil {
				return fmt.Errorf("endpoint %q: %w", e.ID, err)
			}
			t.receiver, t.clean = &receiver, newCleaner(e, receiver.PublicPaths)
		}
		state := states[e.ID]
		switch {
		case state.DisabledAt != nil:
			t.disabled = &disabled{time.UnixMilli(*state.DisabledAt).UTC(), deref(state.DisabledReason)}
		case !e.IsEnabled():
			t.disabled = &disabled{Reason: DisabledByHand}
		}
		if state.FailingSince != nil {
			s.failing.Store(e.ID, true) // the opposite is for an attempt to say: one may be failing right now
		}
		b.list, b.byID[e.ID] = append(b.list, t), t
	}
	s.endpoints.Store(b)
	s.lanes.wake()
	return nil
}

// refresh has what has become of the endpoints seen at once.
func (s *Service) refresh(ctx context.Context) error {
	s.using.Lock()
	defer s.using.Unlock()
	list := make([]Endpoint, 0)
	for _, t := range s.endpoints.Load().list {
		list = append(list, t.Endpoint)
	}
	return s.use(ctx, list)
}

// endpoint returns the endpoint of that id; a NotFound says that there is none.
func (s *Service) endpoint(id string) (*target, error) {
	t := s.endpoints.Load().byID[id]
	if t == nil {
		return nil, problem.New(problem.NotFound, "endpoint_not_found", "There is no endpoint %q.", id)
	}
	return t, nil
}

// accepts implements laneSender.
func (s *Service) accepts(lane string) bool {
	id, ok := strings.CutPrefix(lane, endpointLanes)
	if !ok {
		return true
	}
	t := s.endpoints.Load().byID[id]
	return t != nil && t.disabled == nil
}

// rateOf implements laneSender.
func (s *Service) rateOf(lane string) float64 {
	id, _ := strings.CutPrefix(lane, endpointLanes)
	if t := s.endpoints.Load().byID[id]; t != nil {
		return float64(t.RateLimit)
	}
	return 0
}
