package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"beckon/events"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// storage keeps deliveries and their attempts. Its writes are plain statements: there may be a thousand a second.
type storage struct{ store *store.Store }

// row is a delivery as the table has it.
type row struct {
	ID, Lane, EventID, Type, Status, Reason string
	EndpointID, Callback, RunID, Payload    *string
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
	w := &row{ID: newID(), Lane: lane, EventID: e.ID, Type: e.OutsideName(), Status: string(Pending), Reason: ReasonFirst,
		EndpointID: orNull(endpointID), RunID: orNull(e.RunID), ClientID: orNull(about.ClientID), WorkflowID: orNull(about.WorkflowID),
		FirstAt: now.UnixMilli(), DueAt: now.UnixMilli(), CreatedAt: now.UnixMilli()}
	if e.Aside {
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
	row.Number("claim", w.Claim)
	row.Number("first_at", w.FirstAt)
	row.Number("due_at", w.DueAt)
	row.Number("created_at", w.CreatedAt)
	return row.Insert()
}

// waiting is a delivery that is due, as far as the lanes need to know it.
type waiting struct{ ID, Lane string }

// dueIn returns the ids of the deliveries of a lane that have waited the longest.
func (s storage) dueIn(ctx context.Context, lane string, limit int, now time.Time) (ids []string, err error) {
	ids, err = store.Rows[string](s.store.Read(ctx), "SELECT id FROM deliveries WHERE lane = ? AND status = 'PENDING' AND due_at <= ? ORDER BY due_at, id LIMIT ?",
		lane, now.UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("look for the due deliveries of a lane: %w", err)
	}
	return ids, nil
}

// nextLane returns the lane behind another in which something is due; empty when there is none.
func (s storage) nextLane(ctx context.Context, after string, now time.Time) (lane string, err error) {
	lane, _, err = store.Row[string](s.store.Read(ctx), "SELECT lane FROM deliveries WHERE lane > ? AND status = 'PENDING' AND due_at <= ? ORDER BY lane LIMIT 1",
		after, now.UnixMilli())
	if err != nil {
		return "", fmt.Errorf("look for lanes with pending deliveries: %w", err)
	}
	return lane, nil
}

// claim claims those of the deliveries that are due, unless another instance was first.
func (s storage) claim(tx store.Tx, ids []string, instance string, now time.Time) (rows []row, err error) {
	rows, err = store.Rows[row](tx, "UPDATE deliveries SET status = 'SENDING', instance_id = ?, claim = claim + 1 WHERE id IN (?) AND status = 'PENDING' AND due_at <= ? RETURNING *",
		instance, ids, now.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return rows, nil
}

// release lets a delivery be claimed again that was claimed under that number.
func (s storage) release(tx store.Tx, id string, claim int64) error {
	err := tx.Exec("UPDATE deliveries SET status = 'PENDING', instance_id = NULL WHERE id = ? AND status = 'SENDING' AND claim = ?", id, claim)
	if err != nil {
		return fmt.Errorf("release a delivery: %w", err)
	}
	return nil
}

// releaseAll lets all be claimed again that the instance has claimed.
func (s storage) releaseAll(tx store.Tx, instance string) (n int64, err error) {
	n, err = tx.ExecCount("UPDATE deliveries SET status = 'PENDING', instance_id = NULL WHERE instance_id = ? AND status = 'SENDING'", instance)
	if err != nil {
		return 0, fmt.Errorf("release deliveries: %w", err)
	}
	return n, nil
}

// endpointState is what has become of an endpoint.
type endpointState struct {
	EndpointID               string
	FailingSince, DisabledAt *int64
	DisabledReason           *string
}

func (s storage) states(ctx context.Context) (map[string]endpointState, error) {
	return statesIn(s.store.Read(ctx))
}

func statesIn(tx store.Tx) (map[string]endpointState, error) {
	rows, err := store.Rows[endpointState](tx, "SELECT * FROM endpoint_states")
	if err != nil {
		return nil, fmt.Errorf("read what has become of the endpoints: %w", err)
	}
	states := make(map[string]endpointState, len(rows))
	for _, w := range rows {
		states[w.EndpointID] = w
	}
	return states, nil
}

func (w *row) delivery() *Delivery {
	d := &Delivery{ID: w.ID, EndpointID: deref(w.EndpointID), RunID: deref(w.RunID), EventID: w.EventID, Type: w.Type, ClientID: deref(w.ClientID),
		WorkflowID: deref(w.WorkflowID), Status: Status(w.Status), Reason: w.Reason, Attempts: w.Attempts, DueAt: time.UnixMilli(w.DueAt).UTC(),
		CreatedAt: time.UnixMilli(w.CreatedAt).UTC()}
	if w.StatusCode != nil {
		d.StatusCode = *w.StatusCode
	}
	if w.ErrorCode != nil {
		d.Error = &Failure{*w.ErrorCode, deref(w.Error)}
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
