package deliveries

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"beckon/internal/problem"
	"beckon/internal/store"
)

func (s storage) get(ctx context.Context, id string) (*Delivery, error) {
	w, found, err := store.Row[row](s.store.Read(ctx), "SELECT * FROM deliveries WHERE id = ?", id)
	if err != nil {
		return nil, fmt.Errorf("read delivery %s: %w", id, err)
	}
	if !found {
		return nil, problem.New(problem.NotFound, "delivery_not_found", "There is no such delivery.")
	}
	return w.delivery(), nil
}

// list returns the deliveries of a page, and what the ids of the next one are less than; see store.Page.
func (s storage) list(ctx context.Context, q Query, below string) (list []*Delivery, stop string, err error) {
	w, err := s.walk(ctx, q, below)
	if err != nil {
		return nil, "", err
	}
	stop, err = store.Page(s.store.ReadLate(ctx), w, "*", q.Limit, func(w row) (string, bool) {
		list = append(list, w.delivery())
		return w.ID, false
	})
	return list, stop, err
}

// walk takes the index that knows most of what is asked for.
func (s storage) walk(ctx context.Context, q Query, below string) (w store.Walk, err error) {
	w = store.Walk{Table: "deliveries", Below: below}
	if !q.Since.IsZero() {
		w.From = idPrefix + oldest(q.Since)
	}
	if !q.Until.IsZero() {
		w.Below = min(below, idPrefix+oldest(q.Until))
	}
	wanted := map[string]string{
		"event_id":    q.EventID,
		"run_id":      q.RunID,
		"endpoint_id": q.EndpointID,
		"client_id":   q.ClientID,
		"type":        q.Type,
		"status":      string(q.Status),
	}
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
	if q.Callbacks {
		w.Of = "endpoint_id IS NULL"
	}
	for _, column := range slices.Sorted(maps.Keys(wanted)) {
		if wanted[column] != "" {
			w.Only = append(w.Only, store.Equal{Column: column, Value: wanted[column]})
		}
	}
	if q.EventID == "" && q.RunID == "" && (q.Status == Pending || q.Status == Sending) {
		w.Known, err = s.few(ctx, q)
	}
	return w, err
}

// mostFew bounds the deliveries that are sorted for a list.
const mostFew = 2000

// few returns the ids of those that wait or are being sent, as long as there are few: no index has them in the
// order of a list.
func (s storage) few(ctx context.Context, q Query) ([]string, error) {
	where, values := "status = '"+string(q.Status)+"'", []any{} // the database knows its partial indexes by the word
	if q.EndpointID != "" {
		where, values = where+" AND lane = ?", append(values, endpointLane(q.EndpointID))
	}
	type candidate struct {
		ID, Type string
		ClientID *string
	}
	rows, err := store.Rows[candidate](s.store.Read(ctx),
		"SELECT id, type, client_id FROM deliveries WHERE "+where+" LIMIT ?",
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
