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
	where, values := q.conditions(below)
	var rows []row
	err = s.Store.Read(ctx).Raw("SELECT * FROM deliveries WHERE "+where+" ORDER BY id DESC LIMIT ?", append(values, q.Limit+1)...).Scan(&rows).Error
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

// conditions are those of the list of deliveries whose ids are less than below.
func (q Query) conditions(below string) (where string, values []any) {
	where, values = "id < ?", []any{below}
	add := func(condition string, value any) { where, values = where+" AND "+condition, append(values, value) }
	switch {
	case q.EndpointID != "" && q.Status == Pending:
		add("lane = ?", endpointLanes+q.EndpointID) // which the index of those that wait begins with
	case q.EndpointID != "":
		add("endpoint_id = ?", q.EndpointID)
	}
	if q.RunID != "" {
		add("run_id = ?", q.RunID)
	}
	if q.Status == "" {
		return where, values
	}
	if q.Status == Delivered || q.RunID != "" {
		add("status = ?", string(q.Status))
		return where, values
	}
	// Of the others there are few as a rule, and an index that has them alone. The database knows it by the word, and takes
	// it when it may not sort by the id: else it looks for the few among all.
	where += " AND status = '" + string(q.Status) + "'"
	return "id IN (SELECT id FROM deliveries WHERE " + strings.Replace(where, "id <", "id || '' <", 1) + " ORDER BY id || '' DESC LIMIT ?)", append(values, q.Limit+1)
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
