package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"beckon/internal/problem"
	"beckon/internal/store"
)

// DefaultPage is how many deliveries a page has that says nothing else.
const DefaultPage = 50

// Query asks for deliveries, newest first. What is empty or zero leaves nothing out.
type Query struct {
	EndpointID string
	RunID      string
	EventID    string
	Type       string // what the event is called outside
	ClientID   string
	Status     Status
	Since      time.Time // made then or later
	Until      time.Time // made before
	Limit      int       // at least 1
	Cursor     string    // of the page before; empty for the first
}

// List returns a page of deliveries and the cursor of the next; no cursor says that there is none. A page may have fewer than
// its limit, or none, when few among many are asked for.
func (s *Service) List(ctx context.Context, q Query) (list []*Delivery, next string, err error) {
	cursors := store.NewCursors(idPrefix, q.EndpointID, q.RunID, q.EventID, q.Type, q.ClientID, string(q.Status))
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
	w = store.Walk{Table: "deliveries", Below: below}
	if !q.Since.IsZero() {
		w.From = idPrefix + oldest(q.Since)
	}
	if !q.Until.IsZero() {
		w.Below = min(below, idPrefix+oldest(q.Until))
	}
	wanted := map[string]string{"event_id": q.EventID, "run_id": q.RunID, "endpoint_id": q.EndpointID, "client_id": q.ClientID,
		"type": q.Type, "status": string(q.Status)}
	by := func(column string) {
		w.Index = []store.Equal{{Column: column, Value: wanted[column]}}
		delete(wanted, column)
	}
	switch {
	case q.EventID != "":
		by("event_id")
	case q.RunID != "":
		by("run_id")
	case q.Status == Failed:
		w.Of = "status = 'FAILED'"
		if delete(wanted, "status"); q.EndpointID != "" {
			by("endpoint_id")
		}
	case q.EndpointID != "":
		w.Of = "endpoint_id IS NOT NULL"
		by("endpoint_id")
	case q.ClientID != "":
		by("client_id")
	case q.Type != "":
		by("type")
	}
	for _, column := range slices.Sorted(maps.Keys(wanted)) {
		if wanted[column] != "" {
			w.Only = append(w.Only, store.Equal{Column: column, Value: wanted[column]})
		}
	}
	if q.EventID == "" && q.RunID == "" && (q.Status == Pending || q.Status == Sending) {
		w.Known, err = s.storage.few(ctx, q)
	}
	return w, err
}

// mostFew bounds the deliveries that are sorted for a list.
const mostFew = 2000

// few returns the ids of those that wait or are being sent, as long as there are few: no index has them in the order of a list.
func (s storage) few(ctx context.Context, q Query) ([]string, error) {
	where, values := "status = '"+string(q.Status)+"'", []any{} // the database knows its partial indexes by the word
	if q.EndpointID != "" {
		where, values = where+" AND lane = ?", append(values, endpointLane(q.EndpointID))
	}
	type candidate struct {
		ID, Type string
		ClientID *string
	}
	rows, err := store.Rows[candidate](s.store.Read(ctx), "SELECT id, type, client_id FROM deliveries WHERE "+where+" LIMIT ?",
		append(values, mostFew+1)...)
	if err != nil || len(rows) > mostFew {
		return nil, err
	}
	ids := []string{} // nil would be unknown
	for _, w := range rows {
		if (q.Type == "" || q.Type == w.Type) && (q.ClientID == "" || q.ClientID == deref(w.ClientID)) {
			ids = append(ids, w.ID)
		}
	}
	return ids, nil
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
