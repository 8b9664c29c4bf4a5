// Package runs makes one invocation durable, from request to result.
package runs

import (
	"encoding/json"
	"time"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/fence"
	"beckon/internal/problem"
	"beckon/internal/redact"
)

// Status is where a run is in its life.
type Status string

// A run is QUEUED when it waits for somebody to work on it, then RUNNING, and ends in one of the last three. It is
// WAITING while a person has to decide on a call of a tool; then it is QUEUED again.
const (
	Queued    Status = "QUEUED"
	Running   Status = "RUNNING"
	Waiting   Status = "WAITING"
	Completed Status = "COMPLETED"
	Failed    Status = "FAILED"
	Canceled  Status = "CANCELED"
)

// Statuses are all statuses of runs, in the order in which a run has them.
var Statuses = []Status{Queued, Running, Waiting, Completed, Failed, Canceled}

// Ended reports whether nothing more will happen to a run of that status.
func (s Status) Ended() bool { return s == Completed || s == Failed || s == Canceled }

// Where a run came from.
const (
	SourceWebhook  = "webhook"  // a call of a client's webhook
	SourceAPI      = "api"      // a call of the runs API
	SourcePage     = "page"     // somebody tried a client in the admin page
	SourceSchedule = "schedule" // a client's schedule
	SourceForm     = "form"     // a visitor sent the form of a web page
)

// The priorities of a run in the queue.
const (
	PriorityFirst   = 1 // runs that a crash has interrupted
	PriorityDefault = 2
	PriorityLast    = 4
)

// Share says whether a run has a page for recipients.
type Share int

// The numbers are on record.
const (
	NoPage      Share = 0
	HasPage     Share = 1
	PageRevoked Share = 2 // it had one, and never has one again
)

// Run is one invocation on record.
type Run struct {
	ID           string
	Status       Status
	ClientID     string
	WorkflowID   string // the agent or flow that was invoked
	IsFlow       bool
	Source       string
	SessionID    string
	Session      string   // the session that it belongs to, as that is kept; empty where its SessionID is a label
	SessionTurns []string // the runs whose turns its agents were told, in order
	Input        string
	// which parts of Input third parties have written, and what marks them; nil where its client is trusted
	Fence     *fence.Fence
	Metadata  json.RawMessage // a JSON object, or nil
	Output    string
	Error     *agents.Failure // nil unless it failed or was canceled
	ErrorKind problem.Kind    // of Error
	Usage     agents.Usage
	Verdict   string            // gate.Pass or gate.Fail of a run that has completed; empty without a gate
	Reason    string            // why the verdict is what it is
	By        agents.Answerer   // who answered; of a run that failed, who was asked last
	Uploads   []agents.Artifact // the files that its call brought; nil where they were not asked for
	Artifacts []agents.Artifact // what it has made; nil where it was not asked for
	// the turns of a flow's agents in the order in which they began; nil where they were not asked for
	Nodes        []agents.Node
	Callback     json.RawMessage   // whom its caller wants to be told of it, as events.Subject has it; nil is nobody
	Origin       json.RawMessage   // what its call has told, as events.Origin has it; nil for a client without a source
	Trace        string            // that it belongs to, as telemetry.Record has it; empty for none
	EventNames   map[string]string // what its events are called outside, by type; not kept on record
	ReplayOf     string            // the run or the kept request that it repeats; empty for a call of its own
	Priority     int
	Claim        int64 // the number of the claim of the process that works on it, or did last; 0 before the first
	Attempts     int   // how often it was begun
	Crashes      int   // how often the process that worked on it died
	Share        Share // whether it has a page for recipients
	Views        int64 // how often people have opened that page
	RetryOnCrash bool  // a crash puts it into the queue again
	ReceivedAt   time.Time
	CreatedAt    time.Time
	StartedAt    time.Time         // zero while it is queued
	CompletedAt  time.Time         // zero until it has ended
	NotBefore    time.Time         // it leaves the queue then at the earliest; zero for at once
	ToolCalls    []agents.ToolCall // of the run of an agent; those of a flow are its nodes'
	Notes        []Note            // nil where they were not asked for
	Inputs       []Input           // what it answers for, where calls are coalesced; nil where they were not asked for

	Rules  *redact.Rules // how its content is treated; nil keeps it as it is
	Erased string        // ErasedByClient, ErasedByAdmin, or empty where its content is not gone

	SessionNumber int64            // of its call in the session
	sessions      agents.Retention // how long the session lives without another call

	texts        *texts // of a run with rules
	isKept       bool   // its content is what is kept of it
	isEmptied    bool   // it is one whose client keeps no content, as it is kept
	ownStream    bool   // its caller reads its events, which is not what is kept
	hasArtifacts bool   // there may be some on record
	annotated    bool   // it has notes or inputs
	acts         bool   // its agents have used tools
	viewed       bool   // somebody has looked at it since
	originStart  string // how Origin begins, of a brief run
}

// Headline is the title of the event that started the run, such as "Firing: DiskFull". It is empty for a run that no
// event started, and for an event without a title.
func (r *Run) Headline() string {
	if r.Origin == nil {
		return events.Headline([]byte(r.originStart))
	}
	return events.Headline(r.Origin)
}

// Duration is from the start to the end, or zero while the run goes on.
func (r *Run) Duration() time.Duration {
	if r.CompletedAt.IsZero() || r.StartedAt.IsZero() {
		return 0
	}
	return r.CompletedAt.Sub(r.StartedAt)
}

// Milliseconds returns the duration of the run, from the times as they are recorded. It is the same before and
// after the run was written.
func (r *Run) Milliseconds() int64 {
	if r.CompletedAt.IsZero() || r.StartedAt.IsZero() {
		return 0
	}
	return r.CompletedAt.UnixMilli() - r.StartedAt.UnixMilli()
}

// Data is the output of a run whose agent answers with JSON; nil for any other.
func (r *Run) Data() json.RawMessage {
	if !r.By.IsData || r.Status != Completed {
		return nil
	}
	return json.RawMessage(r.Output)
}

// subject is what its events are about.
func (r *Run) subject() events.Subject {
	return events.Subject{
		ClientID:   r.ClientID,
		WorkflowID: r.WorkflowID,
		Callback:   r.Callback,
		Rules:      r.Rules,
		Trace:      r.Trace,
	}
}

// Problem returns the problem that the first caller of a failed run was answered with; nil for a completed run.
func (r *Run) Problem() error {
	if r.Error == nil {
		return nil
	}
	p := problem.New(r.ErrorKind, r.Error.Code, "%s", r.Error.Message)
	if p.Kind == problem.Unavailable {
		p = p.After(retryInterrupted)
	}
	return p
}

// AllNodes returns the nodes of a flow's run, or the one node that the run of an agent is. It has none before it
// has begun.
func (r *Run) AllNodes() []agents.Node {
	if r.IsFlow || r.StartedAt.IsZero() {
		return r.Nodes
	}
	return []agents.Node{{
		ID:          r.WorkflowID,
		Type:        r.WorkflowID,
		Status:      agents.NodeStatus(r.Status),
		Output:      r.Output,
		Error:       r.Error,
		Usage:       r.Usage,
		By:          r.By,
		Artifacts:   r.Artifacts,
		ToolCalls:   r.ToolCalls,
		StartedAt:   r.StartedAt,
		CompletedAt: r.CompletedAt,
	}}
}
