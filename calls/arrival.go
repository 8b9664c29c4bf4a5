package calls

import (
	"strings"
	"sync"
	"time"

	"beckon/calls/senders"
)

// Arrival is the last authenticated call of a client's webhook. The client's page shows it, for people who set up a
// sender and wait for its first call.
type Arrival struct {
	At        time.Time
	Scheme    string        // how it was authenticated; see senders.Proof
	RunID     string        // empty for a handshake and for a call that was skipped
	Repeated  bool          // the call was made before; RunID is the run of the first time
	Handshake bool          // the sender only checked the connection
	Skipped   string        // why it started no run although nothing is wrong with it
	Event     *ArrivedEvent // nil for a client without a source, and for a handshake
}

// ArrivedEvent is a summary of the event that a call reported.
type ArrivedEvent struct {
	Type, Action, Title, Severity, State string
}

// The limits of arrivals: the number of clients, and the bytes of each text.
const (
	maxArrivals    = 1000
	maxArrivalText = 300
)

// arrivals holds the last Arrival of each client, by the client's ID. It is in memory only, so a restart empties it.
type arrivals struct {
	mu   sync.Mutex
	last map[string]Arrival
}

// LastArrival returns the last authenticated call of a client's webhook since this process started.
func (s *Service) LastArrival(clientID string) (Arrival, bool) {
	s.arrivals.mu.Lock()
	defer s.arrivals.mu.Unlock()
	a, ok := s.arrivals.last[clientID]
	return a, ok
}

func (a *arrivals) note(clientID string, arrival Arrival) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil {
		a.last = map[string]Arrival{}
	}
	if _, known := a.last[clientID]; !known && len(a.last) >= maxArrivals {
		for id := range a.last { // any one: hardly anyone sets up a thousand clients at once
			delete(a.last, id)
			break
		}
	}
	a.last[clientID] = arrival
}

// noteArrival records the call as the client's last Arrival, unless it was refused.
func (c *Call) noteArrival() {
	if c.channel != Webhook || c.Client == nil || c.Refused != nil && c.Original == nil {
		return
	}
	c.service.arrivals.note(c.Client.ID, Arrival{
		At:        c.request.ReceivedAt,
		Scheme:    c.request.proved.Scheme,
		RunID:     c.RunID(),
		Repeated:  c.Original != nil,
		Handshake: c.Answer != nil,
		Skipped:   c.Skipped,
		Event:     c.arrived,
	})
}

// summarizeEvent sets arrived from the event that the call reports. It needs the body, which runRequest releases.
func (c *Call) summarizeEvent() {
	if c.channel != Webhook || !c.Client.HasSource() || c.Client.Sender == nil {
		return
	}
	e := c.request.event(c.Client)
	rules := c.Client.Content
	short := func(text string) string {
		return strings.Clone(senders.Clip(rules.Text(text), maxArrivalText)) // a clone does not keep the body in memory
	}
	if rules.Discarding() {
		e.Title = ""
	}
	c.arrived = &ArrivedEvent{
		Type:     short(e.Type),
		Action:   short(e.Action),
		Title:    short(e.Title),
		Severity: short(e.Severity),
		State:    short(e.State),
	}
}
