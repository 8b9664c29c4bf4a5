package runs

import (
	"bytes"
	"encoding/json"
	"time"

	"beckon/agents"
	"beckon/events"
)

// payload is what the world is told of an event of a run (docs/events.md).
type payload struct {
	Success    bool            `json:"success"`
	Type       string          `json:"type"`
	RunID      string          `json:"runId"`
	WorkflowID string          `json:"workflowId"`
	Data       any             `json:"data"`
	Metadata   json.RawMessage `json:"metadata"`
	Error      *agents.Failure `json:"error"`
	CreatedAt  string          `json:"createdAt"`
}

// runData is the data of an event of the run as a whole.
type runData struct {
	Status         Status  `json:"status"`
	CompletedNodes int     `json:"completedNodes"`
	FailedNodes    int     `json:"failedNodes"`
	Output         *string `json:"output"` // null until there is one
}

// nodeData is the data of an event of one node.
type nodeData struct {
	NodeID   string            `json:"nodeId"`
	NodeType string            `json:"nodeType"`
	Status   agents.NodeStatus `json:"status"`
	Output   *string           `json:"output"`
}

// delta is the whole payload of a piece of text.
type delta struct {
	Text string `json:"text"`
}

// TimeFormat is how times are written in JSON: RFC 3339 in UTC with milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// nodeCount is how many nodes of a run have ended, and how.
type nodeCount struct{ completed, failed int }

// runEvent makes the event that r has come into its status.
func runEvent(id string, r *Run, nodes nodeCount) events.Event {
	kind, at := events.RunStarted, r.StartedAt
	switch r.Status {
	case Queued:
		kind, at = events.RunQueued, r.CreatedAt
	case Completed:
		kind, at = events.RunCompleted, r.CompletedAt
	case Failed:
		kind, at = events.RunFailed, r.CompletedAt
	case Canceled:
		kind, at = events.RunCanceled, r.CompletedAt
	}
	if !r.IsFlow { // one agent is one node
		nodes.completed, nodes.failed = 0, 0
		switch r.Status {
		case Completed:
			nodes.completed = 1
		case Failed:
			nodes.failed = 1
		}
	}
	return newEvent(id, r, kind, at, r.Error, runData{r.Status, nodes.completed, nodes.failed, textOrNull(r.Output)})
}

// nodeEvent makes the event that a node of r has come into its status.
func nodeEvent(id string, r *Run, n agents.Node) events.Event {
	kind, at := events.NodeStarted, n.StartedAt
	switch n.Status {
	case agents.NodeCompleted:
		kind, at = events.NodeCompleted, n.CompletedAt
	case agents.NodeFailed, agents.NodeCanceled:
		kind, at = events.NodeFailed, n.CompletedAt
	}
	return newEvent(id, r, kind, at, n.Error, nodeData{n.ID, n.Type, n.Status, textOrNull(n.Output)})
}

func newEvent(id string, r *Run, kind string, at time.Time, failure *agents.Failure, data any) events.Event {
	return events.Event{ID: id, RunID: r.ID, Type: kind, Payload: encode(payload{Success: failure == nil, Type: kind, RunID: r.ID,
		WorkflowID: r.WorkflowID, Data: data, Metadata: r.Metadata, Error: failure, CreatedAt: at.UTC().Format(TimeFormat)})}
}

func deltaEvent(id, runID, text string) events.Event {
	return events.Event{ID: id, RunID: runID, Type: events.MessageDelta, Payload: encode(delta{text})}
}

// encode writes JSON on one line, without escapes that only a page needs.
func encode(value any) json.RawMessage {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // strings, numbers, and JSON that has been checked when it came in
	return bytes.TrimSpace(text.Bytes())
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
