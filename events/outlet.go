package events

import (
	"encoding/json"

	"beckon/internal/redact"
	"beckon/internal/store"
)

// Subject is what events are about, as far as those who want to be told of them ask.
type Subject struct {
	ClientID   string
	WorkflowID string // the agent or flow
	// whom the caller wants to be told besides, in the form of whoever carries events out; nil is nobody
	Callback json.RawMessage
	Rules    *redact.Rules // how the content of the run is treated; nil keeps it as it is
	Trace    string        // that the run belongs to, as telemetry.Record has it; empty for none
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
