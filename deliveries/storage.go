package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

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
	w := &row{ID: newID(now), Lane: lane, EventID: e.ID, Type: e.OutsideName(), Status: string(Pending), Reason: ReasonFirst,
		EndpointID: orNull(endpointID), RunID: orNull(e.RunID), ClientID: orNull(about.ClientID), WorkflowID: orNull(about.WorkflowID),
		FirstAt: now.UnixMilli(), DueAt: now.UnixMilli(), CreatedAt: now.UnixMilli()}
	if e.Aside {
		w.Payload = orNull(string(e.Payload))
	}
	return w
}

const insertDelivery = "INSERT INTO deliveries (id, lane, event_id, type, status, reason, endpoint_id, callback, run_id, payload, client_id, workflow_id, instance_id, claim, first_at, due_at, created_at)"

func (s storage) insert(tx *gorm.DB, w *row) error {
	r := s.store.NewRow()
	for _, text := range []string{w.ID, w.Lane, w.EventID, w.Type, w.Status, w.Reason} {
		r.Text(text)
	}
	for _, text := range []*string{w.EndpointID, w.Callback, w.RunID, w.Payload, w.ClientID, w.WorkflowID, w.InstanceID} {
		r.Text(deref(text))
	}
	for _, number := range []int64{w.Claim, w.FirstAt, w.DueAt, w.CreatedAt} {
		r.Number(number)
	}
	return s.store.Insert(tx, insertDelivery, r)
}

// waiting is a delivery that is due, as far as the lanes need to know it.
type waiting struct{ ID, Lane string }

// dueIn returns the ids of the deliveries of a lane that have waited the longest.
func (s storage) dueIn(ctx context.Context, lane string, limit int, now time.Time) (ids []string, err error) {
	err = s.store.Read(ctx).Raw("SELECT id FROM deliveries WHERE lane = ? AND status = 'PENDING' AND due_at <= ? ORDER BY due_at, id LIMIT ?", lane, now.UnixMilli(), limit).Scan(&ids).Error
	if err != nil {
		return nil, fmt.Errorf("look for the due deliveries of a lane: %w", err)
	}
	return ids, nil
}

// nextLane returns the lane behind another in which something is due; empty when there is none.
func (s storage) nextLane(ctx context.Context, after string, now time.Time) (lane string, err error) {
	err = s.store.Read(ctx).Raw("SELECT lane FROM deliveries WHERE lane > ? AND status = 'PENDING' AND due_at <= ? ORDER BY lane LIMIT 1", after, now.UnixMilli()).Scan(&lane).Error
	if err != nil {
		return "", fmt.Errorf("look for lanes with pending deliveries: %w", err)
	}
	return lane, nil
}

// claim claims those of the deliveries that are due, unless another instance was first.
func (s storage) claim(tx *gorm.DB, ids []string, instance string, now time.Time) (rows []row, err error) {
	err = tx.Raw("UPDATE deliveries SET status = 'SENDING', instance_id = ?, claim = claim + 1 WHERE id IN (?) AND status = 'PENDING' AND due_at <= ? RETURNING *", instance, ids, now.UnixMilli()).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return rows, nil
}

// release lets a delivery be claimed again that was claimed under that number.
func (s storage) release(tx *gorm.DB, id string, claim int64) error {
	err := store.Exec(tx, "UPDATE deliveries SET status = 'PENDING', instance_id = NULL WHERE id = ? AND status = 'SENDING' AND claim = ?", id, claim)
	if err != nil {
		return fmt.Errorf("release a delivery: %w", err)
	}
	return nil
}

// releaseAll lets all be claimed again that the instance has claimed.
func (s storage) releaseAll(tx *gorm.DB, instance string) (n int64, err error) {
	done := tx.Exec("UPDATE deliveries SET status = 'PENDING', instance_id = NULL WHERE instance_id = ? AND status = 'SENDING'", instance)
	if done.Error != nil {
		return 0, fmt.Errorf("release deliveries: %w", done.Error)
	}
	return done.RowsAffected, nil
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

func statesIn(db *gorm.DB) (map[string]endpointState, error) {
	var rows []endpointState
	if err := db.Raw("SELECT * FROM endpoint_states").Scan(&rows).Error; err != nil {
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
