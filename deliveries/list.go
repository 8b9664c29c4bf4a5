package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"beckon/internal/problem"
	"beckon/internal/store"
)

// DefaultPage is how many deliveries a page has that says nothing else.
const DefaultPage = 50

// Query asks for deliveries, newest first.
type Query struct {
	EndpointID string // empty for those to anybody
	RunID      string // empty for those about anything
	Status     Status // empty for any
	Limit      int    // at least 1
	Cursor     string // of the page before; empty for the first
}

// List returns a page of deliveries and the cursor of the next; no cursor says that there is none. A page may have fewer than
// its limit, or none, when few among many are asked for.
func (s *Service) List(ctx context.Context, q Query) (list []*Delivery, next string, err error) {
	cursors := store.NewCursors(idPrefix, q.EndpointID, q.RunID, string(q.Status))
	below, err := cursors.Below(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	w, err := s.walk(ctx, q, below)
	if err != nil {
		return nil, "", fmt.Errorf("list deliveries: %w", err)
	}
	stop, err := store.Page(s.Store.Read(ctx), w, "*", q.Limit, func(w row) (string, bool) {
		list = append(list, w.delivery())
		return w.ID, false
	})
	if err != nil {
		return nil, "", fmt.Errorf("list deliveries: %w", err)
	}
	if stop != "" {
		next = cursors.After(stop)
	}
	return list, next, nil
}

// walk takes the index that knows most of what is asked for.
func (s *Service) walk(ctx context.Context, q Query, below string) (w store.Walk, err error) {
	run, endpoint, status := store.Equal{Column: "run_id", Value: q.RunID}, store.Equal{Column: "endpoint_id", Value: q.EndpointID}, store.Equal{Column: "status", Value: string(q.Status)}
	only := []store.Equal{endpoint, status}
	w = store.Walk{Table: "deliveries", Below: below}
	switch {
	case q.RunID != "":
		w.Index = []store.Equal{run}
	case q.Status == Failed:
		w.Of, only = "status = 'FAILED'", nil
		if q.EndpointID != "" {
			w.Index = []store.Equal{endpoint}
		}
	case q.EndpointID != "":
		w.Of, w.Index, only = "endpoint_id IS NOT NULL", []store.Equal{endpoint}, []store.Equal{status}
	}
	w.Only = slices.DeleteFunc(only, func(e store.Equal) bool { return e.Value == "" })
	if q.RunID == "" && (q.Status == Pending || q.Status == Sending) {
		w.Known, err = s.storage.few(ctx, q)
	}
	return w, err
}

// mostFew bounds the deliveries that are sorted for a list.
const mostFew = 2000

// few returns the ids of all that wait or are being sent, as long as there are few: no index has them in the order of a list.
func (s storage) few(ctx context.Context, q Query) (ids []string, err error) {
	where, values := "status = '"+string(q.Status)+"'", []any{} // the database knows its partial indexes by the word
	if q.EndpointID != "" {
		where, values = where+" AND lane = ?", append(values, endpointLane(q.EndpointID))
	}
	ids, err = store.Rows[string](s.store.Read(ctx), "SELECT id FROM deliveries WHERE "+where+" LIMIT ?", append(values, mostFew+1)...)
	if len(ids) > mostFew {
		return nil, err
	}
	return append([]string{}, ids...), err // nil would be unknown
}

// firstID is less than the ids of all deliveries that were made since a time, so that the older ones need not be read.
func firstID(since time.Time) string { return idPrefix + oldest(since.Add(-time.Minute)) }

// Get returns a delivery with its attempts, the first first. A NotFound says that there is none of that id.
func (s *Service) Get(ctx context.Context, id string) (*Delivery, []Attempt, error) {
	w, found, err := store.Row[row](s.Store.Read(ctx), "SELECT * FROM deliveries WHERE id = ?", id)
	if err != nil {
		return nil, nil, fmt.Errorf("read delivery %s: %w", id, err)
	}
	if !found {
		return nil, nil, problem.New(problem.NotFound, "delivery_not_found", "There is no such delivery.")
	}
	attempts, err := s.storage.attempts(ctx, id)
	return w.delivery(), attempts, err
}

// attemptRow is an attempt as the table has it.
type attemptRow struct {
	Number                         int
	Reason, URL, RequestHeaders    string
	StatusCode                     *int
	ResponseBody, ErrorCode, Error *string
	Truncated                      bool
	StartedAt, DurationUs          int64
}

func (s storage) attempts(ctx context.Context, id string) ([]Attempt, error) {
	rows, err := store.Rows[attemptRow](s.store.Read(ctx), "SELECT * FROM attempts WHERE delivery_id = ? ORDER BY number", id)
	if err != nil {
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
