package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/events"
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
	if o.Error != nil && d.EndpointID != nil {
		s.failing.Store(*d.EndpointID, true) // before it is written: who succeeds meanwhile writes so
	}
	if o.gone && d.EndpointID != nil {
		defer s.lanes.halt(d.Lane)() // a retry of another delivery may be due before this is on record
	}
	defer s.held.Drop(d.ID)
	var disabled bool
	err := s.Store.WriteUntil(s.sending, func(tx store.Tx) (err error) {
		disabled, err = s.recordIn(tx, d, o, at, again)
		return err
	})
	if err != nil {
		s.Log.Error("an attempt could not be recorded, so the delivery is sent again", "delivery_id", d.ID, "attempt", o.Number, "error", err)
		return
	}
	if disabled {
		if err := s.refresh(context.Background()); err != nil {
			s.Log.Error("an endpoint was disabled, which takes effect with the next change only", "endpoint", deref(d.EndpointID), "error", err)
		}
	}
}

func (s *Service) recordIn(tx store.Tx, d *claimed, o outcome, at time.Time, again bool) (disabled bool, err error) {
	now := s.Now()
	status, due, completed, reason := Delivered, d.DueAt, any(now.UnixMilli()), d.Reason
	var code, text, statusCode any
	if o.Error != nil {
		status, code, text = Failed, o.Error.Code, o.Error.Message
		if again {
			status, due, completed, reason = Pending, at.UnixMilli(), nil, ReasonRetry
		}
	}
	if o.StatusCode != 0 {
		statusCode = o.StatusCode
	}
	count, err := tx.ExecCount("UPDATE deliveries SET status = ?, reason = ?, attempts = ?, tries = tries + 1, due_at = ?, instance_id = NULL, status_code = ?, error_code = ?, error = ?, completed_at = ? WHERE id = ? AND status = 'SENDING' AND claim = ?",
		string(status), reason, o.Number, due, statusCode, code, text, completed, d.ID, d.Claim)
	if err != nil {
		return false, fmt.Errorf("record an attempt: %w", err)
	}
	if count == 0 {
		return false, nil // this process was taken for dead: somebody else makes the attempt, and records it
	}
	if err := s.storage.insertAttempt(tx, d.ID, o.Attempt); err != nil {
		return false, err
	}
	if d.Reason == ReasonTest {
		if o.gone {
			return s.disableIn(tx, *d.EndpointID, DisabledGone, now)
		}
		return false, nil
	}
	if d.EndpointID != nil {
		if disabled, err = s.noteHealth(tx, *d.EndpointID, o, now); err != nil {
			return false, err
		}
	}
	switch status {
	case Pending:
		wait := at.Sub(now)
		tx.AfterCommit(func() { s.sendIn(wait, waiting{d.ID, d.Lane}) })
	case Failed:
		return disabled, s.exhausted(tx, d, o)
	}
	return disabled, nil
}

func (s storage) insertAttempt(tx store.Tx, deliveryID string, a Attempt) error {
	headers, err := json.Marshal(a.RequestHeaders)
	if err != nil {
		return fmt.Errorf("encode the headers of an attempt: %w", err)
	}
	var code, text string
	if a.Error != nil {
		code, text = a.Error.Code, a.Error.Message
	}
	row := tx.NewRow("attempts")
	row.Text("delivery_id", deliveryID)
	row.Number("number", int64(a.Number))
	row.Text("reason", a.Reason)
	row.Value("url", a.URL)
	row.Value("request_headers", string(headers))
	if a.StatusCode == 0 {
		row.Null("status_code")
	} else {
		row.Number("status_code", int64(a.StatusCode))
	}
	row.Text("response_body", a.ResponseBody)
	row.Value("truncated", a.Truncated)
	row.Text("error_code", code)
	row.Text("error", text)
	row.Number("started_at", a.StartedAt.UnixMilli())
	row.Number("duration_us", a.Duration.Microseconds())
	return row.Insert()
}

// noteHealth keeps since when an endpoint has been failing, and disables it when that is for too long, or when it says
// that it is gone.
func (s *Service) noteHealth(tx store.Tx, id string, o outcome, now time.Time) (disabled bool, err error) {
	if o.Error == nil {
		if failing, _ := s.failing.Load(id); failing != true && !s.Store.Shared() {
			return false, nil
		}
		s.failing.Store(id, false)
		err := tx.Exec("UPDATE endpoint_states SET failing_since = NULL WHERE endpoint_id = ? AND failing_since IS NOT NULL", id)
		if err != nil {
			return false, fmt.Errorf("note that an endpoint works: %w", err)
		}
		return false, nil
	}
	since, _, err := store.Row[int64](tx, "INSERT INTO endpoint_states (endpoint_id, failing_since) VALUES (?, ?) ON CONFLICT (endpoint_id) DO UPDATE SET failing_since = COALESCE(endpoint_states.failing_since, excluded.failing_since) RETURNING failing_since",
		id, now.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("note that an endpoint fails: %w", err)
	}
	switch {
	case o.gone:
		return s.disableIn(tx, id, DisabledGone, now)
	case now.Sub(time.UnixMilli(since)) >= failingFor:
		return s.disableIn(tx, id, DisabledFailing, now)
	}
	return false, nil
}

// disableIn disables an endpoint that is not disabled yet, and tells those who want to know.
func (s *Service) disableIn(tx store.Tx, id, reason string, now time.Time) (bool, error) {
	n, err := tx.ExecCount("INSERT INTO endpoint_states (endpoint_id, disabled_at, disabled_reason) VALUES (?, ?, ?) ON CONFLICT (endpoint_id) DO UPDATE SET disabled_at = excluded.disabled_at, disabled_reason = excluded.disabled_reason WHERE endpoint_states.disabled_at IS NULL",
		id, now.UnixMilli(), reason)
	if err != nil {
		return false, fmt.Errorf("disable an endpoint: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	if err := changed(tx, id); err != nil {
		return false, err
	}
	s.Log.Warn("endpoint disabled", "endpoint", id, "reason", reason)
	return true, s.tell(tx, EndpointDisabled, "", events.Subject{}, &Failure{reason, WhyDisabled(reason)}, now, map[string]any{"endpointId": id, "reason": reason, "disabledAt": jsonTime(now)})
}

// exhausted tells those who want to know that a delivery was given up. About what carries such news there is none.
func (s *Service) exhausted(tx store.Tx, d *claimed, o outcome) error {
	if d.Type == EndpointDisabled || d.Type == DeliveryExhausted {
		return nil
	}
	data := map[string]any{"deliveryId": d.ID, "endpointId": d.EndpointID, "eventId": d.EventID, "eventType": d.Type, "attempts": o.Number}
	about := events.Subject{ClientID: deref(d.ClientID), WorkflowID: deref(d.WorkflowID)}
	return s.tell(tx, DeliveryExhausted, deref(d.RunID), about, o.Error, s.Now(), data)
}

// tell carries an event of our own.
func (s *Service) tell(tx store.Tx, kind, runID string, about events.Subject, failure *Failure, now time.Time, data map[string]any) error {
	payload, err := json.Marshal(struct {
		Success    bool            `json:"success"`
		Type       string          `json:"type"`
		RunID      *string         `json:"runId"`
		WorkflowID *string         `json:"workflowId"`
		Data       map[string]any  `json:"data"`
		Metadata   json.RawMessage `json:"metadata"`
		Error      *Failure        `json:"error"`
		CreatedAt  string          `json:"createdAt"`
	}{failure == nil, kind, orNull(runID), orNull(about.WorkflowID), data, nil, failure, jsonTime(now)})
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	return s.Carry(tx, about, []events.Event{{ID: eventPrefix + ulid.Make().String(), RunID: runID, Type: kind, Payload: payload, Aside: true}})
}

func jsonTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
