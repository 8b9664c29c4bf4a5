package deliveries

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"beckon/events"
	"beckon/internal/store"
)

// Wants implements events.Outlet.
func (s *Service) Wants(about events.Subject, list ...events.Event) bool {
	if about.Callback != nil {
		return true
	}
	for _, t := range s.endpoints.Load().list {
		if t.interested(about) && slices.ContainsFunc(list, func(e events.Event) bool { return t.takes(e) }) {
			return true
		}
	}
	return false
}

// Carry implements events.Outlet: it writes a delivery for each event and everybody who takes it.
func (s *Service) Carry(tx store.Tx, about events.Subject, list []events.Event) error {
	var callback struct { // what is needed of it here
		URL    string   `json:"url"`
		Events []string `json:"events"`
	}
	if about.Callback != nil {
		if err := json.Unmarshal(about.Callback, &callback); err != nil {
			return fmt.Errorf("read the callback of a run: %w", err)
		}
	}
	now := s.Now()
	for _, e := range list {
		if e.Type == events.MessageDelta {
			continue
		}
		for _, t := range s.endpoints.Load().list {
			if !t.interested(about) || !t.takes(e) {
				continue
			}
			if err := s.put(tx, e, newRow(e, about, endpointLane(t.ID), t.ID, now), t.disabled == nil); err != nil {
				return err
			}
		}
		if about.Callback == nil || !takesEvent(callback.Events, unasked, e) {
			continue
		}
		w := newRow(e, about, callbackLane(about.ClientID, callback.URL), "", now)
		callback := string(about.Callback)
		w.Callback = &callback
		if err := s.put(tx, e, w, true); err != nil {
			return err
		}
	}
	return nil
}

// put writes a new delivery of an event, and has it sent after the commit when it can be sent now.
func (s *Service) put(tx store.Tx, e events.Event, w *row, now bool) error {
	if e.Sent != nil {
		if err := s.box().Put(tx, e.RunID, placeOf(e.ID), e.Sent); err != nil {
			return err
		}
	}
	if now && e.Sent == nil && w.Rules == nil && s.lanes.reserveOne(w.Lane) {
		return s.putClaimed(tx, e, w)
	}
	if err := s.storage.insert(tx, w); err != nil || !now {
		return err
	}
	s.sendAfter(tx, waiting{w.ID, w.Lane})
	return nil
}

// putClaimed writes a new delivery as one that this process sends, for which its lane has reserved room. So nobody
// has to claim it, or to look up its event.
func (s *Service) putClaimed(tx store.Tx, e events.Event, w *row) error {
	instance := s.Work.ID()
	w.Status, w.InstanceID, w.Claim = string(Sending), &instance, 1
	s.held.Hold(w.ID)
	tx.IfUndone(func() {
		s.held.Drop(w.ID)
		s.lanes.fill([]waiting{{w.ID, w.Lane}}, nil)
	})
	tx.AfterCommit(func() {
		s.lanes.fill([]waiting{{w.ID, w.Lane}}, []*claimed{{row: *w, event: e, at: time.Now()}})
	})
	return s.storage.insert(tx, w)
}

// Pending implements events.Outlet.
func (s *Service) Pending(tx store.Tx, runIDs []string) ([]string, error) {
	return s.storage.pendingOf(tx, runIDs)
}

// Deliveries of one lane may wait for each other, those of different lanes never do.
const (
	endpointLanes = "endpoint:"
	callbackLanes = "callback:"
)

func endpointLane(id string) string { return endpointLanes + id }

// callbackLane is that of a client and a host: it is hosts that are slow or down, and one client's slow callbacks
// are not to delay another's.
func callbackLane(clientID, to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return callbackLanes + clientID // it was checked when it came in
	}
	return callbackLanes + clientID + ":" + u.Scheme + "://" + u.Host
}
