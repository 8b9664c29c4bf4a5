package deliveries

import (
	"encoding/json"
	"time"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// storage keeps deliveries and their attempts. Its writes are plain statements: there may be a thousand a second.
type storage struct{ store *store.Store }

// row is a delivery as the table has it.
type row struct {
	ID, Lane, EventID, Type, Status, Reason string
	EndpointID, Callback, RunID, Payload    *string
	Rules, Trace                            *string
	Erased                                  bool
	ClientID, WorkflowID, InstanceID        *string
	Attempts, Tries                         int
	Claim                                   int64
	FirstAt, DueAt, CreatedAt               int64
	StatusCode                              *int
	ErrorCode, Error                        *string
	CompletedAt                             *int64
}

// newRow is a delivery of an event that is due now.
func newRow(e events.Event, about events.Subject, lane, endpointID string, now time.Time) *row {
	w := &row{
		ID:         newID(now),
		Lane:       lane,
		EventID:    e.ID,
		Type:       e.OutsideName(),
		Status:     string(Pending),
		Reason:     ReasonFirst,
		EndpointID: orNull(endpointID),
		RunID:      orNull(e.RunID),
		ClientID:   orNull(about.ClientID),
		WorkflowID: orNull(about.WorkflowID),
		FirstAt:    now.UnixMilli(),
		DueAt:      now.UnixMilli(),
		CreatedAt:  now.UnixMilli(),
	}
	w.Rules, w.Trace = orNull(about.Rules.String()), orNull(about.Trace)
	if e.Transient {
		w.Payload = orNull(string(e.Payload))
	}
	return w
}

func (s storage) insert(tx store.Tx, w *row) error {
	row := tx.NewRow("deliveries")
	row.Text("id", w.ID)
	row.Text("lane", w.Lane)
	row.Text("event_id", w.EventID)
	row.Text("type", w.Type)
	row.Text("status", w.Status)
	row.Text("reason", w.Reason)
	row.Text("endpoint_id", deref(w.EndpointID))
	row.Text("callback", deref(w.Callback))
	row.Text("run_id", deref(w.RunID))
	row.Text("payload", deref(w.Payload))
	row.Text("client_id", deref(w.ClientID))
	row.Text("workflow_id", deref(w.WorkflowID))
	row.Text("instance_id", deref(w.InstanceID))
	if w.Rules != nil {
		row.Text("rules", *w.Rules)
	}
	if w.Trace != nil {
		row.Text("trace", *w.Trace)
	}
	row.Number("claim", w.Claim)
	row.Number("first_at", w.FirstAt)
	row.Number("due_at", w.DueAt)
	row.Number("created_at", w.CreatedAt)
	// the end of another delivery may be in the same transaction, and has to know that this one waits
	if w.Rules != nil {
		return row.InsertNow()
	}
	return row.Insert()
}

func (w *row) delivery() *Delivery {
	d := &Delivery{
		ID:         w.ID,
		EndpointID: deref(w.EndpointID),
		RunID:      deref(w.RunID),
		EventID:    w.EventID,
		Type:       w.Type,
		ClientID:   deref(w.ClientID),
		WorkflowID: deref(w.WorkflowID),
		Status:     Status(w.Status),
		Reason:     w.Reason,
		Attempts:   w.Attempts,
		DueAt:      time.UnixMilli(w.DueAt).UTC(),
		CreatedAt:  time.UnixMilli(w.CreatedAt).UTC(),
		Erased:     w.Erased,
	}
	if w.StatusCode != nil {
		d.StatusCode = *w.StatusCode
	}
	if w.ErrorCode != nil {
		d.Error = &problem.Failure{Code: *w.ErrorCode, Message: deref(w.Error)}
	}
	if w.CompletedAt != nil {
		d.CompletedAt = time.UnixMilli(*w.CompletedAt).UTC()
	}
	if w.Callback != nil {
		var callback struct {
			URL string `json:"url"`
		}
		_ = json.Unmarshal([]byte(*w.Callback), &callback) // Carry has read it
		d.URL = secret.ShownURL(callback.URL)
	}
	return d
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
