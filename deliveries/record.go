package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
)

const (
	// failingFor is how long an endpoint may fail before it is disabled.
	failingFor = 5 * 24 * time.Hour
)

// record writes what came of an attempt, and what follows from it. It does not give up while the process lives: an
// acceptance that is not on record would have the receiver told again.
func (s *Service) record(d *claimed, o outcome) {
	at, again := s.next(d, o)
	if o.Error != nil && d.EndpointID != nil && !o.unfit {
		s.failing.Store(*d.EndpointID, true) // before it is written: who succeeds meanwhile writes so
	}
	if o.gone && d.EndpointID != nil {
		defer s.lanes.halt(d.Lane)() // a retry of another delivery may be due before this is on record
	}
	defer s.held.Drop(d.ID)
	defer o.thread.leave()
	var disabled bool
	err := s.Store.WriteUntil(s.sending, func(tx store.Tx) (err error) {
		disabled, err = s.recordIn(tx, d, o, at, again)
		return err
	})
	if err != nil {
		s.Log.Error("an attempt could not be recorded, so the delivery is sent again",
			"delivery_id", d.ID, "attempt", o.Number, "error", err)
		return
	}
	if disabled {
		if err := s.refresh(context.Background()); err != nil {
			s.Log.Error("an endpoint was disabled, which takes effect with the next change only",
				"endpoint", deref(d.EndpointID), "error", err)
		}
	}
}

// attempted is a delivery after an attempt that is the last one.
func attempted(w row, o outcome, now time.Time) row {
	completed := now.UnixMilli()
	w.Status, w.Attempts, w.CompletedAt = string(Delivered), o.Number, &completed
	w.StatusCode, w.ErrorCode, w.Error = nil, nil, nil
	if o.StatusCode != 0 {
		w.StatusCode = &o.StatusCode
	}
	if o.Error != nil {
		w.Status, w.ErrorCode, w.Error = string(Failed), &o.Error.Code, &o.Error.Message
	}
	return w
}

func (s *Service) recordIn(tx store.Tx, d *claimed, o outcome, at time.Time, again bool) (disabled bool, err error) {
	now := s.Now()
	after := attempted(d.row, o, now)
	if again && o.Error != nil {
		after.Status, after.DueAt, after.CompletedAt, after.Reason = string(Pending), at.UnixMilli(), nil, ReasonRetry
	}
	if owned, err := s.storage.endClaim(tx, after); err != nil || !owned {
		return false, err // somebody else makes the attempt, and records it: this process was taken for dead
	}
	if err := s.storage.insertAttempt(tx, d.ID, o.Attempt); err != nil {
		return false, err
	}
	if err := keepThread(tx, o.thread, now); err != nil {
		return false, err
	}
	if d.Reason == ReasonTest {
		if o.gone {
			return s.disableIn(tx, *d.EndpointID, DisabledGone, now)
		}
		return false, nil
	}
	if d.EndpointID != nil && !o.unfit {
		if disabled, err = s.noteHealth(tx, *d.EndpointID, o, now); err != nil {
			return false, err
		}
	}
	switch Status(after.Status) {
	case Pending:
		wait := at.Sub(now)
		tx.AfterCommit(func() { s.sendIn(wait, waiting{d.ID, d.Lane}) })
	case Failed:
		if err := s.contentEnds(tx, d.row); err != nil {
			return disabled, err
		}
		return disabled, s.exhausted(tx, d, o)
	case Delivered:
		return disabled, s.contentEnds(tx, d.row)
	}
	return disabled, nil
}

// noteHealth keeps since when an endpoint has been failing, and disables it when that is for too long, or when it says
// that it is gone.
func (s *Service) noteHealth(tx store.Tx, id string, o outcome, now time.Time) (disabled bool, err error) {
	if o.Error == nil {
		if failing, _ := s.failing.Load(id); failing != true && !s.Store.Shared() {
			return false, nil
		}
		s.failing.Store(id, false)
		return false, noteWorking(tx, id)
	}
	since, err := noteFailing(tx, id, now)
	if err != nil {
		return false, err
	}
	switch {
	case o.gone:
		return s.disableIn(tx, id, DisabledGone, now)
	case now.Sub(since) >= failingFor:
		return s.disableIn(tx, id, DisabledFailing, now)
	}
	return false, nil
}

// disableIn disables an endpoint that is not disabled yet, and tells those who want to know.
func (s *Service) disableIn(tx store.Tx, id, reason string, now time.Time) (bool, error) {
	if disabled, err := disable(tx, id, reason, now); err != nil || !disabled {
		return false, err
	}
	if err := changed(tx, id); err != nil {
		return false, err
	}
	s.Log.Warn("endpoint disabled", "endpoint", id, "reason", reason)
	return true, s.tell(tx, EndpointDisabled, "", events.Subject{},
		&problem.Failure{Code: reason, Message: WhyDisabled(reason)}, now,
		map[string]any{"endpointId": id, "reason": reason, "disabledAt": jsonTime(now)})
}

// exhausted tells those who want to know that a delivery was given up. About what carries such news there is none.
func (s *Service) exhausted(tx store.Tx, d *claimed, o outcome) error {
	if d.Type == EndpointDisabled || d.Type == DeliveryExhausted {
		return nil
	}
	data := map[string]any{
		"deliveryId": d.ID,
		"endpointId": d.EndpointID,
		"eventId":    d.EventID,
		"eventType":  d.Type,
		"attempts":   o.Number,
	}
	about := events.Subject{ClientID: deref(d.ClientID), WorkflowID: deref(d.WorkflowID), Rules: d.rules}
	return s.tell(tx, DeliveryExhausted, deref(d.RunID), about, o.Error, s.Now(), data)
}

// Tell carries an event that is about no run, with what has failed.
func (s *Service) Tell(
	tx store.Tx, kind string, about events.Subject, failure problem.Failure, data map[string]any,
) error {
	return s.tell(tx, kind, "", about, &failure, s.Now(), data)
}

// tell carries an event of our own.
func (s *Service) tell(
	tx store.Tx, kind, runID string, about events.Subject, failure *problem.Failure, now time.Time, data map[string]any,
) error {
	var message *string
	if failure != nil {
		data["errorCode"], message = failure.Code, &failure.Message
	}
	payload, err := json.Marshal(struct {
		Success    bool            `json:"success"`
		Type       string          `json:"type"`
		RunID      *string         `json:"runId"`
		WorkflowID *string         `json:"workflowId"`
		Data       map[string]any  `json:"data"`
		Metadata   json.RawMessage `json:"metadata"`
		Error      *string         `json:"error"`
		CreatedAt  string          `json:"createdAt"`
	}{failure == nil, kind, orNull(runID), orNull(about.WorkflowID), data, nil, message, jsonTime(now)})
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	return s.Carry(tx, about,
		[]events.Event{{
			ID:        eventPrefix + ulid.Make().String(),
			RunID:     runID,
			Type:      kind,
			Payload:   payload,
			Transient: true,
		}})
}

func jsonTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
