package events

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"beckon/internal/store"
)

// Subject is what events are about, as far as those who want to be told of them ask.
type Subject struct {
	ClientID   string
	WorkflowID string          // the agent or flow
	Callback   json.RawMessage // whom the caller wants to be told besides, in the form of whoever carries events out; nil is nobody
}

// Outlet carries events out of the house.
type Outlet interface {
	// Wants reports whether anybody is to be told of one of the events, of which the type and the name are enough.
	Wants(about Subject, list ...Event) bool
	// Carry writes who is to be told of the events, within the transaction that writes them. It may be called twice.
	Carry(tx store.Tx, about Subject, list []Event) error
	// Pending returns those of the runs of whose events somebody is still to be told.
	Pending(tx store.Tx, runIDs []string) ([]string, error)
}

// Wanted reports whether anybody outside is to be told of one of the events; see Outlet.Wants.
func (l *Log) Wanted(about Subject, list ...Event) bool {
	return l.Outlet != nil && l.Outlet.Wants(about, list...)
}

// Pending returns those of the runs whose events are still needed.
func (l *Log) Pending(tx store.Tx, runIDs []string) ([]string, error) {
	if l.Outlet == nil {
		return nil, nil
	}
	return l.Outlet.Pending(tx, runIDs)
}

// Ref names an event in the log.
type Ref struct{ RunID, ID string }

// lookTogether bounds what is asked for with one query.
const lookTogether = 32

// Find returns the events of those names that are in the log of a store, by id.
func Find(ctx context.Context, s *store.Store, refs []Ref) (map[string]Event, error) {
	found := make(map[string]Event, len(refs))
	for len(refs) > 0 {
		part := refs[:min(lookTogether, len(refs))]
		refs = refs[len(part):]
		values := make([]any, 0, 2*len(part))
		for _, r := range part {
			values = append(values, r.RunID, r.ID)
		}
		list, err := query(s.Read(ctx), "SELECT run_id, id, type, payload FROM events WHERE (run_id = ? AND id = ?)"+strings.Repeat(" OR (run_id = ? AND id = ?)", len(part)-1), values...)
		if err != nil {
			return nil, fmt.Errorf("find events: %w", err)
		}
		for _, e := range list {
			found[e.ID] = e
		}
	}
	return found, nil
}
