package agents

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// ErrWaiting is the error of an Invoker that can continue only after a person has decided about a call of a tool.
// The run is put aside until then, and the Invoker is called again after the decision.
var ErrWaiting = errors.New("a call of a tool waits for a person to allow it")

// Acting is what the configuration of an agent says of its tools.
type Acting struct {
	Tools         []string      // the patterns of those that it may use
	Approve       []string      // the patterns of those of which a person has to allow each call
	ApproveWithin time.Duration // how long a call waits for that
	Artifacts     []Artifact    // the files of the run that its tools may read
}

// Acting returns the settings that say how the agent uses tools.
func (a Agent) Acting() Acting {
	return Acting{Tools: a.Tools, Approve: a.Approve, ApproveWithin: a.ApproveWithin.Or(DefaultApproveWithin)}
}

// Turns give the agents of a run their tools, and keep what they do with these on record.
type Turns interface {
	// Node returns those of a node of a flow.
	Node(id string) Turns
	// Open starts the turn of an agent, or resumes the recorded one. It returns nil if the agent may not use any
	// tools.
	Open(ctx context.Context, a Acting) (Turn, error)
}

// Turn is what one agent does with tools until it has answered.
type Turn interface {
	// Tools returns those that the agent may use. Their Use is nil: Make makes the calls.
	Tools() []Tool
	// Recorded returns the rounds that are on record of a provider, in order.
	Recorded(provider string) []*Round
	// Make makes the calls of a round, all at the same time, and fills in what the model is told. It returns when
	// that is on record. Calls that are on record as finished are not made again. What goes wrong with a call is
	// for the model to mend; an error ends the turn: ErrWaiting, a problem, or that of ctx.
	Make(ctx context.Context, r *Round) error
	// Artifacts returns the files that the tools have made.
	Artifacts() []Artifact
}

// Round is an answer of a model after which it is asked again.
type Round struct {
	Number   int    // from 1; 0 before Make has recorded it
	Provider string // who has answered, and by which API
	Message  []byte // the answer as it goes back to the provider
	Text     string // of the answer
	Usage    Usage
	Calls    []RoundCall
}

// RoundCall is a tool that the model wants to use in a round.
type RoundCall struct {
	ID        string // the provider's
	Name      string // as the provider knows the tool
	Arguments string
	IsLocal   bool   // it is a tool of Call.Tools, and no matter of the turn
	Told      string // what the model is told
	IsData    bool   // Told comes from the tool, and not from Beckon
}

// ToolStatus is where a call of a tool is in its life.
type ToolStatus string

// A call may be WAITING for a person; it is RUNNING until it ends in one of the other three.
const (
	ToolWaiting   ToolStatus = "WAITING"
	ToolRunning   ToolStatus = "RUNNING"
	ToolCompleted ToolStatus = "COMPLETED"
	ToolFailed    ToolStatus = "FAILED"
	ToolDenied    ToolStatus = "DENIED"
)

// Ended reports whether nothing more will happen to a call of that status.
func (s ToolStatus) Ended() bool { return s == ToolCompleted || s == ToolFailed || s == ToolDenied }

// ToolCall is a call of a tool on record.
type ToolCall struct {
	ID          string // call_ and a ULID
	NodeID      string // of a flow; "" for the run of an agent
	Tool        string // "docs.search"
	Arguments   string // JSON, if the model kept to it
	Status      ToolStatus
	Result      string
	Error       *Failure  // nil unless FAILED or DENIED
	StartedAt   time.Time // zero until it is made
	CompletedAt time.Time // zero until it has ended
	ExpiresAt   time.Time // of a call that a person has to allow: when it is denied
	Decision    Decision
}

// Decision is the decision of a person about a call of a tool.
type Decision struct {
	Allowed bool
	By      string // "" for nobody: it was not decided in time
	At      time.Time
}

// AwaitsDecision reports whether the call waits for the decision of a person.
func (c ToolCall) AwaitsDecision() bool { return c.Status == ToolWaiting && c.Decision.At.IsZero() }

// Duration returns how long the call took, from its recorded times in milliseconds; 0 while it is running.
func (c ToolCall) Duration() time.Duration {
	if c.StartedAt.IsZero() || c.CompletedAt.IsZero() {
		return 0
	}
	return c.CompletedAt.Sub(c.StartedAt)
}

// Digest returns a hash of the tool and its arguments. Differences in the formatting of the arguments do not change
// it.
func (c ToolCall) Digest() string {
	var line bytes.Buffer
	if json.Compact(&line, c.ArgumentsJSON()) != nil {
		line.WriteString(c.Arguments)
	}
	sum := sha256.Sum256([]byte(c.Tool + "\n" + line.String()))
	return hex.EncodeToString(sum[:])
}

// ArgumentsJSON returns the arguments as JSON, also where the model has written none.
func (c ToolCall) ArgumentsJSON() json.RawMessage {
	if json.Valid([]byte(c.Arguments)) {
		return json.RawMessage(c.Arguments)
	}
	text, _ := json.Marshal(c.Arguments) // a string always can be
	return text
}
