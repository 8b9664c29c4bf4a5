package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"beckon/internal/problem"
	"beckon/internal/store"
)

// The bounds of a page of deliveries.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// Query asks for deliveries, newest first.
type Query struct {
	EndpointID string // empty for those to anybody
	RunID      string // empty for those about anything
	Status     Status // empty for any
	Limit      int    // 1 to MaxPage
	Cursor     string // of the page before; empty for the first
}

// List returns a page of deliveries and the cursor of the next; no cursor says that there is none.
func (s *Service) List(ctx context.Context, q Query) (list []*Delivery, next string, err error) {
	cursors := store.NewCursors(idPrefix, q.EndpointID, q.RunID, string(q.Status))
	below, err := cursors.Below(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	where, values := []string{"id < ?"}, []any{below}
	for column, value := range map[string]string{"endpoint_id": q.EndpointID, "run_id": q.RunID} {
		if value != "" {
			where, values = append(where, column+" = ?"), append(values, value)
		}
	}
	switch q.Status {
	case "":
	case Pending, Sending, Failed:
		where = append(where, "status = '"+string(q.Status)+"'") // the database knows its small index by the word
	default:
		where, values = append(where, "status = ?"), append(values, string(q.Status))
	}
	var rows []row
	err = s.Store.Read(ctx).Raw("SELECT * FROM deliveries WHERE "+strings.Join(where, " AND ")+" ORDER BY id DESC LIMIT ?", append(values, q.Limit+1)...).Scan(&rows).Error
	if err != nil {
		return nil, "", fmt.Errorf("list deliveries: %w", err)
	}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		next = cursors.After(rows[q.Limit-1].ID)
	}
	list = make([]*Delivery, len(rows))
	for i := range rows {
		list[i] = rows[i].delivery()
	}
	return list, next, nil
}

// Get returns a delivery with its attempts, the first first. A NotFound says that there is none of that id.
func (s *Service) Get(ctx context.Context, id string) (*Delivery, []Attempt, error) {
	var rows []row
	if err := s.Store.Read(ctx).Raw("SELECT * FROM deliveries WHERE id = ?", id).Scan(&rows).Error; err != nil {
		return nil, nil, fmt.Errorf("read delivery %s: %w", id, err)
	}
	if len(rows) == 0 {
		return nil, nil, problem.New(problem.NotFound, "delivery_not_found", "There is no such delivery.")
	}
	attempts, err := s.storage.attempts(ctx, id)
	return rows[0].delivery(), attempts, err
}

func (s storage) attempts(ctx context.Context, id string) ([]Attempt, error) {
	var rows []struct {
		Number                         int
		Reason, URL, RequestHeaders    string
		StatusCode                     *int
		ResponseBody, ErrorCode, Error *string
		Truncated                      bool
		StartedAt, DurationUs          int64
	}
	if err := s.store.Read(ctx).Raw("SELECT * FROM attempts WHERE delivery_id = ? ORDER BY number", id).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the attempts at delivery %s: %w", id, err)
	}
	list := make([]Attempt, len(rows))
	for i, w := range rows {
		a := Attempt{Number: w.Number, Reason: w.Reason, URL: w.URL, ResponseBody: deref(w.ResponseBody), Truncated: w.Truncated,
			StartedAt: time.UnixMilli(w.StartedAt).UTC(), Duration: time.Duration(w.DurationUs) * time.Microsecond}
		if w.StatusCode != nil {
			a.StatusCode = *w.StatusCode
		}
		if w.ErrorCode != nil {
			a.Error = &Failure{*w.ErrorCode, deref(w.Error)}
		}
		if err := json.Unmarshal([]byte(w.RequestHeaders), &a.RequestHeaders); err != nil {
			return nil, fmt.Errorf("decode the headers of an attempt at delivery %s: %w", id, err)
		}
		list[i] = a
	}
	return list, nil
}
