// Package events is the one log of what happened: append to it, follow it.
package events

import (
	"cmp"
	"encoding/json"
	"slices"
)

// The types of events. Those of a run begin with run.started (run.queued before it, when it has waited) and end with
// one of run.completed, run.failed and run.canceled.
const (
	RunCreated    = "run.created" // not in the log: a run was accepted
	RunQueued     = "run.queued"
	RunStarted    = "run.started"
	RunWaiting    = "run.waiting" // a person has to decide on a call of a tool
	RunCompleted  = "run.completed"
	RunFailed     = "run.failed"
	RunCanceled   = "run.canceled"
	NodeStarted   = "node.started"
	NodeProgress  = "node.progress" // how much of its work is done, where that is known
	NodeCompleted = "node.completed"
	NodeFailed    = "node.failed"
	NodeCanceled  = "node.canceled" // a node was stopped
	ToolStarted   = "tool.started"
	ToolCompleted = "tool.completed" // it has ended, whatever became of it
	MessageDelta  = "message.delta"  // a piece of the answer; removed soon after the run has ended
	EventResolved = "event.resolved" // not in the log: what a run is about is resolved
	RunViewed     = "run.viewed"     // not in the log: an ended run was looked at for the first time
	ClientSilent  = "client.silent"  // not in the log, and about no run: a client was expected to call, and has not
)

// Of budgets: not in the log, and about no run but where one has used up its own.
const (
	BudgetWarning   = "budget.warning"   // most of it is used up
	BudgetExhausted = "budget.exhausted" // all of it is, or a request does not fit into what is left
)

// Event is one entry of the log.
type Event struct {
	ID        string // evt_ and a ULID; within a run in the order of what happened
	RunID     string
	Type      string
	Payload   json.RawMessage // a JSON object, as it goes out
	Name      string          // what it is called outside, where that is not its type; the log does not keep it
	Transient bool            // it goes out, but is not part of its run's log
	// Sent is what goes out where Payload, which is kept, says less: the content of its run is not kept. nil is
	// Payload.
	Sent json.RawMessage
	// Own is what the caller of its run reads where Payload says less. An event without a Payload is for that
	// caller alone.
	Own json.RawMessage
	// only those who name it get it, also where others of its type go out unasked; the log does not keep it
	OnRequest bool
}

// OutsideName is what the event is called when it goes out.
func (e Event) OutsideName() string { return cmp.Or(e.Name, e.Type) }

// Ends reports whether the event is the last of its run.
func (e Event) Ends() bool {
	return slices.Contains([]string{RunCompleted, RunFailed, RunCanceled}, e.Type)
}
