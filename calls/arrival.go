package calls

import (
	"strings"
	"sync"
	"time"

	"beckon/calls/senders"
)

// Arrival is the last call of a client's webhook that proved itself. A page shows it to those who wait for the first one.
type Arrival struct {
	At        time.Time
	Scheme    string        // how it proved itself
	RunID     string        // empty for a handshake and for a call that was skipped
	Repeated  bool          // it is a delivery that came before: RunID is that one's
	Handshake bool          // it was about the connection only
	Skipped   string        // why it started no run although nothing is wrong with it
	Event     *ArrivedEvent // nil for a client without a source, and for a handshake
}

// ArrivedEvent is what a call said, in short.
type ArrivedEvent struct {
	Type, Action, Title, Severity, State string
}

// The most that is remembered: clients, and bytes of each text.
const (
	maxArrivals    = 1000
	maxArrivalText = 300
)

// arrivals are the last ones, by the ids of their clients. They are of this process: a restart forgets them.
type arrivals struct {
	mu   sync.Mutex
	last map[string]Arrival
}

// LastArrival returns the last call of a client's webhook that proved itself since this process started.
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
		for id := range a.last { // any: nobody waits for the first call of a thousand clients
			delete(a.last, id)
			break
		}
	}
	a.last[clientID] = arrival
}

// noteArrival remembers the call, unless it was refused.
func (c *Call) noteArrival() {
	if c.sender != Webhook || c.Client == nil || c.Refused != nil && c.Original == nil {
		return
	}
	c.service.arrivals.note(c.Client.ID, Arrival{
		At: c.request.ReceivedAt, Scheme: c.request.proved.Scheme, RunID: c.RunID(), Repeated: c.Original != nil,
		Handshake: c.Answer != nil, Skipped: c.Skipped, Event: c.arrived,
	})
}

// keepEvent keeps what the call says, in short, while its body is there.
func (c *Call) keepEvent() {
	if c.sender != Webhook || !c.Client.HasSource() || c.Client.Sender == nil {
		return
	}
	e := c.request.event(c.Client)
	rules := c.Client.Content
	short := func(text string) string { return strings.Clone(senders.Clip(rules.Text(text), maxArrivalText)) } // the body is large
	if rules.Discarding() {
		e.Title = ""
	}
	c.arrived = &ArrivedEvent{Type: short(e.Type), Action: short(e.Action), Title: short(e.Title), Severity: short(e.Severity), State: short(e.State)}
}
