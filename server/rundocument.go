package server

import (
	"time"

	"beckon/agents"
	"beckon/runs"
)

// runPage is a page of runs, newest first.
type runPage struct {
	Items      []runDocument `json:"items"`
	NextCursor *string       `json:"nextCursor"` // null on the last page
}

// runDocument is a run as the API shows it.
type runDocument struct {
	RunID       string          `json:"runId"`
	Status      runs.Status     `json:"status"`
	ClientID    string          `json:"clientId"`
	WorkflowID  string          `json:"workflowId"`
	Source      string          `json:"source"`
	SessionID   *string         `json:"sessionId"`
	Input       string          `json:"input"`
	Output      *string         `json:"output"` // null until there is one
	Error       *agents.Failure `json:"error"`
	Metadata    any             `json:"metadata"`
	Usage       agents.Usage    `json:"usage"`
	CreatedAt   *string         `json:"createdAt"`
	StartedAt   *string         `json:"startedAt"`
	CompletedAt *string         `json:"completedAt"`
	DurationMs  *int64          `json:"durationMs"`
}

// runDetail is a run with its nodes.
type runDetail struct {
	runDocument
	Nodes []nodeDocument `json:"nodes"`
}

// nodeDocument is a node as the API shows it.
type nodeDocument struct {
	NodeID      string            `json:"nodeId"`
	NodeType    string            `json:"nodeType"`
	Status      agents.NodeStatus `json:"status"`
	Output      *string           `json:"output"`
	Error       *agents.Failure   `json:"error"`
	Usage       agents.Usage      `json:"usage"`
	StartedAt   *string           `json:"startedAt"`
	CompletedAt *string           `json:"completedAt"`
}

func documentOf(r *runs.Run) runDocument {
	d := runDocument{RunID: r.ID, Status: r.Status, ClientID: r.ClientID, WorkflowID: r.WorkflowID, Source: r.Source, SessionID: orNull(r.SessionID),
		Input: r.Input, Output: orNull(r.Output), Error: r.Error, Usage: r.Usage, CreatedAt: timeOrNull(r.CreatedAt), StartedAt: timeOrNull(r.StartedAt),
		CompletedAt: timeOrNull(r.CompletedAt)}
	if r.Metadata != nil {
		d.Metadata = r.Metadata
	}
	if r.Status == runs.Completed {
		d.Output = &r.Output
	}
	if r.Status.Ended() {
		ms := r.Milliseconds()
		d.DurationMs = &ms
	}
	return d
}

func detailOf(r *runs.Run) runDetail {
	document := runDetail{documentOf(r), []nodeDocument{}}
	for _, n := range r.AllNodes() {
		document.Nodes = append(document.Nodes, nodeDocument{n.ID, n.Type, n.Status, orNull(n.Output), n.Error, n.Usage, timeOrNull(n.StartedAt), timeOrNull(n.CompletedAt)})
	}
	return document
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return orNull(t.UTC().Format(runs.TimeFormat))
}
