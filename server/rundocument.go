package server

import (
	"encoding/json"
	"time"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/internal/spend"
	"beckon/runs"
)

// RunDocument is a run as the API shows it, and as the command line reads it.
type RunDocument struct {
	RunID       string          `json:"runId"`
	Status      runs.Status     `json:"status"`
	ClientID    string          `json:"clientId"`
	WorkflowID  string          `json:"workflowId"`
	Source      string          `json:"source"`
	SessionID   *string         `json:"sessionId"`
	Input       string          `json:"input"`
	Output      *string         `json:"output"` // null until there is one
	Error       *agents.Failure `json:"error"`
	Metadata    json.RawMessage `json:"metadata"`
	Usage       agents.Usage    `json:"usage"`
	Cost        *float64        `json:"cost,omitempty" doc:"In USD, by the prices of its time; missing where no model has a price."`
	Provider    *string         `json:"provider" doc:"Whose model answered, or was asked last; null where it was several."`
	Model       *string         `json:"model"`
	Degraded    bool            `json:"degraded" doc:"A fallback answered."`
	CreatedAt   *string         `json:"createdAt"`
	StartedAt   *string         `json:"startedAt"`
	CompletedAt *string         `json:"completedAt"`
	DurationMs  *int64          `json:"durationMs"`
	Verdict     *string         `json:"verdict" enum:"pass,fail" doc:"What the gate of the client or flow says of the answer; null without one."`
	Reason      *string         `json:"verdictReason" doc:"Why the verdict is what it is."`
	Erased      bool            `json:"contentErased,omitempty" doc:"Its input and output are not on record any more."`
	ReplayOf    *string         `json:"replayOf,omitempty" doc:"The run that this one repeats, or the kept request of a call that started none; left out where it is a call of its own."`
	ContentNote string          `json:"contentNote,omitempty" doc:"What was done to its content, where that is not kept as it was."`
}

// RunDetail is a run with its nodes.
type RunDetail struct {
	RunDocument
	Data      json.RawMessage    `json:"data" doc:"The output as JSON, where the agent's output has a schema."`
	Attempts  []ModelAttempt     `json:"attempts" doc:"All that were made, where one of them failed; those of a flow are its nodes'."`
	Nodes     []NodeDocument     `json:"nodes"`
	Uploads   []artifacts.Linked `json:"uploads,omitempty" doc:"The files that its call brought; missing where it brought none."`
	Artifacts []artifacts.Linked `json:"artifacts" doc:"The files that it has made."`
	Session   *RunSession        `json:"session,omitempty" doc:"The conversation that it is a call of; left out where its sessionId is a label."`
	Inputs    []runs.Input       `json:"inputs,omitempty" doc:"What it answers for, where calls are coalesced; left out elsewhere."`
	Notes     []NoteDocument     `json:"notes,omitempty" doc:"What is to be known beside the answer; left out where there is nothing."`
	ShareURL  *string            `json:"shareUrl" doc:"Opens its page for recipients, for whoever has it; null where it has none, or it was revoked."`
	Views     int64              `json:"views" doc:"How often people have opened that page."`
}

// RunSession is the session of a run.
type RunSession struct {
	ID    string   `json:"id" doc:"As it is kept: see GET /api/v1/sessions/{id}."`
	Turns []string `json:"turns" doc:"The runs whose turns its agents were told, in order."`
}

// NoteDocument says something about a run beside its answer.
type NoteDocument struct {
	At   *string `json:"at"`
	Kind string  `json:"kind" enum:"warning,note,resolved"`
	Text string  `json:"text"`
}

// ModelAttempt is one request to a provider.
type ModelAttempt struct {
	Provider   string          `json:"provider"`
	Model      *string         `json:"model"`
	StartedAt  *string         `json:"startedAt"`
	DurationMs int64           `json:"durationMs"`
	Status     *int            `json:"status" doc:"Of HTTP, where it is not a success."`
	Error      *agents.Failure `json:"error"`
	Cost       *float64        `json:"cost,omitempty" doc:"In USD."`
	Finish     string          `json:"finish,omitempty" doc:"A finish reason that is not known."`
	Reason     string          `json:"reason,omitempty" doc:"What the provider said itself; for administrators."`
}

// NodeDocument is a node as the API shows it.
type NodeDocument struct {
	NodeID      string             `json:"nodeId"`
	NodeType    string             `json:"nodeType"`
	Via         string             `json:"via,omitempty" doc:"The conditions by which the routers of a flow have come to it; left out without routers."`
	Status      agents.NodeStatus  `json:"status"`
	Output      *string            `json:"output"`
	Error       *agents.Failure    `json:"error"`
	Usage       agents.Usage       `json:"usage"`
	Cost        *float64           `json:"cost,omitempty" doc:"In USD; missing where no model has a price."`
	Provider    *string            `json:"provider"`
	Model       *string            `json:"model"`
	Degraded    bool               `json:"degraded"`
	Attempts    []ModelAttempt     `json:"attempts"`
	StartedAt   *string            `json:"startedAt"`
	CompletedAt *string            `json:"completedAt"`
	ToolCalls   []ToolCallDocument `json:"toolCalls,omitempty" doc:"The tools that it has used, in order; left out where there are none."`
}

// ToolCallDocument is a call of a tool as the API shows it.
type ToolCallDocument struct {
	ID          string            `json:"id"`
	Tool        string            `json:"tool" example:"docs.search"`
	Arguments   any               `json:"arguments" doc:"JSON, as the model gave it. A secret is a placeholder."`
	Status      agents.ToolStatus `json:"status" enum:"WAITING,RUNNING,COMPLETED,FAILED,DENIED"`
	Result      *string           `json:"result" doc:"What the tool gave; null until it has ended."`
	Error       *agents.Failure   `json:"error"`
	StartedAt   *string           `json:"startedAt" doc:"Null until it is made."`
	CompletedAt *string           `json:"completedAt"`
	DurationMs  *int64            `json:"durationMs"`
	ExpiresAt   *string           `json:"expiresAt,omitempty" doc:"Of a call that waits for a person: when it is denied."`
}

func toolCallsOf(list []agents.ToolCall) (documents []ToolCallDocument) {
	for _, c := range list {
		d := ToolCallDocument{
			ID:          c.ID,
			Tool:        c.Tool,
			Arguments:   c.ArgumentsJSON(),
			Status:      c.Status,
			Error:       c.Error,
			StartedAt:   timeOrNull(c.StartedAt),
			CompletedAt: timeOrNull(c.CompletedAt),
		}
		if c.Status == agents.ToolCompleted || c.Result != "" {
			d.Result = &c.Result
		}
		if c.Status.Ended() {
			ms := c.Duration().Milliseconds()
			d.DurationMs = &ms
		}
		if c.AwaitsDecision() {
			d.ExpiresAt = timeOrNull(c.ExpiresAt)
		}
		documents = append(documents, d)
	}
	return documents
}

func documentOf(r *runs.Run) RunDocument {
	d := RunDocument{
		RunID:       r.ID,
		Status:      r.Status,
		ClientID:    r.ClientID,
		WorkflowID:  r.WorkflowID,
		Source:      r.Source,
		SessionID:   orNull(r.SessionID),
		Input:       r.Input,
		Output:      orNull(r.Output),
		Error:       r.Error,
		Metadata:    r.Metadata,
		Usage:       r.Usage,
		Cost:        usd(r.Usage.Cost.OrNil()),
		Provider:    orNull(r.By.Provider),
		Model:       orNull(r.By.Model),
		Degraded:    r.By.Degraded,
		CreatedAt:   timeOrNull(r.CreatedAt),
		StartedAt:   timeOrNull(r.StartedAt),
		CompletedAt: timeOrNull(r.CompletedAt),
		Verdict:     orNull(r.Verdict),
		Reason:      orNull(r.Reason),
	}
	d.ReplayOf = orNull(r.ReplayOf)
	d.Erased, d.ContentNote = r.Erased != "", r.ContentNote()
	if r.Status == runs.Completed && r.HasContent() {
		d.Output = &r.Output
	}
	if r.Status.Ended() {
		ms := r.Milliseconds()
		d.DurationMs = &ms
	}
	return d
}

// detailOf is a run with its nodes and artifacts. What providers said themselves is for administrators.
func (s *Server) detailOf(r *runs.Run, forAdmin bool) RunDetail {
	document := RunDetail{
		RunDocument: documentOf(r),
		Data:        r.Data(),
		Attempts:    attemptsOf(r.By, forAdmin),
		Nodes:       []NodeDocument{},
		Artifacts:   s.artifactsOf(r.Artifacts),
		ShareURL:    orNull(s.shareURL(r)),
		Views:       r.Views,
	}
	if len(r.Uploads) > 0 {
		document.Uploads = s.artifactsOf(r.Uploads)
	}
	for _, n := range r.AllNodes() {
		document.Nodes = append(document.Nodes, NodeDocument{
			NodeID:      n.ID,
			NodeType:    n.Type,
			Via:         n.Via,
			Status:      n.Status,
			Output:      orNull(n.Output),
			Error:       n.Error,
			Usage:       n.Usage,
			Cost:        usd(n.Usage.Cost.OrNil()),
			Provider:    orNull(n.By.Provider),
			Model:       orNull(n.By.Model),
			Degraded:    n.By.Degraded,
			Attempts:    attemptsOf(n.By, forAdmin),
			StartedAt:   timeOrNull(n.StartedAt),
			CompletedAt: timeOrNull(n.CompletedAt),
			ToolCalls:   toolCallsOf(n.ToolCalls),
		})
	}
	if r.Session != "" {
		document.Session = &RunSession{r.Session, orEmpty(r.SessionTurns)}
	}
	document.Inputs = r.Inputs
	for _, n := range r.Notes {
		document.Notes = append(document.Notes, NoteDocument{At: timeOrNull(n.At), Kind: n.Kind, Text: n.Text})
	}
	return document
}

func attemptsOf(by agents.Answerer, forAdmin bool) []ModelAttempt {
	list := make([]ModelAttempt, len(by.Attempts))
	for i, a := range by.Attempts {
		list[i] = ModelAttempt{
			Provider:   a.Provider,
			Model:      orNull(a.Model),
			StartedAt:  timeOrNull(a.StartedAt),
			DurationMs: a.Duration.Milliseconds(),
			Error:      a.Error,
			Cost:       usd(a.Cost),
			Finish:     a.Finish,
		}
		if a.Status != 0 {
			list[i].Status = &a.Status
		}
		if forAdmin {
			list[i].Reason = a.Reason
		}
	}
	return list
}

// usd is an amount as JSON has it; nil for none.
func usd(a *spend.Amount) *float64 {
	if a == nil {
		return nil
	}
	dollars := a.Float()
	return &dollars
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
