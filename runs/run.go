// Package runs makes one invocation durable, from request to result.
package runs

import (
	"encoding/json"
	"time"

	"beckon/agents"
)

// Status is where a run is in its life.
type Status string

// A run is RUNNING from its first moment and ends in one of the other three.
const (
	Running   Status = "RUNNING"
	Completed Status = "COMPLETED"
	Failed    Status = "FAILED"
	Canceled  Status = "CANCELED"
)

// SourceWebhook marks the runs that a call of a client's webhook started.
const SourceWebhook = "webhook"

// Run is one invocation on record.
type Run struct {
	ID          string
	Status      Status
	ClientID    string
	WorkflowID  string // the agent or flow that was invoked
	Source      string
	SessionID   string
	Input       string
	Metadata    json.RawMessage // a JSON object, or nil
	Output      string
	Error       *Failure // nil unless it failed or was canceled
	Usage       agents.Usage
	CreatedAt   time.Time
	StartedAt   time.Time
	CompletedAt time.Time // zero while it runs
}

// Failure says why a run did not complete.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Duration is from the start to the end, or zero while the run goes on.
func (r *Run) Duration() time.Duration {
	if r.CompletedAt.IsZero() {
		return 0
	}
	return r.CompletedAt.Sub(r.StartedAt)
}
