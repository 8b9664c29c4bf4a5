// Package agents knows what can be invoked: agents, flows, and the providers behind them.
package agents

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"beckon/internal/fence"
	"beckon/internal/redact"
	"beckon/internal/spend"
)

// Invoker is one way of getting an answer: a chat model, a template, a flow of other agents. Invoke ends when ctx
// does. An error that the caller of the gateway may see is a *problem.Error (Upstream for a provider's failure,
// Expired for the agent's own time); the Result beside an error holds what there was until then.
type Invoker interface {
	Invoke(ctx context.Context, call Call) (Result, error)
}

// Noted is an Invoker that has something to tell those who run the gateway.
type Noted interface {
	Notes() []string
}

// Call is what an agent is asked.
type Call struct {
	RunID    string
	ClientID string
	AgentID  string // the agent or flow that was called
	Prompt   string
	Input    string // within a flow: what its step was given; "" is Prompt
	// Fence marks what third parties have written, where a model is asked: its spans are those of Prompt. Nil is
	// nothing.
	Fence     *fence.Fence
	SessionID string
	Metadata  json.RawMessage // a JSON object, or nil
	// Redact blacks out what models see; nil lets them see all. Invokers that ask models call ForModel.
	Redact     *redact.Rules
	ReceivedAt time.Time

	Outputs map[string]string // within a flow: the named outputs so far
	State   map[string]any    // within a flow: what its agents keep, as JSON decodes it
	// within a step of type foreach: what prompts know of the item, by name: item, index and others
	Items    map[string]any
	Tools    []Tool             // what the agent may call while it works
	Text     func(piece string) // takes the answer piece by piece as it is written; nil when nobody reads along
	Followed func() bool        // whether somebody reads what Text takes, now; nil is always
	// Responses keeps what providers work on by themselves; nil when nobody does, or when the run is not retried
	// after a crash.
	Responses Responses
	Progress  Progress // keeps the nodes of a flow; nil when nobody does
	Turns     Turns    // gives agents their tools; nil where none of them has any
	// Conversation knows what was said before in the session of the run; nil for a run without one. History is what
	// the agent is told of it.
	Conversation Conversation
	History      *History
	Files        Files // keeps the files that agents make; nil when nobody does
	// Artifacts are the files that the call brought, and those that earlier steps of a flow have made.
	Artifacts []Artifact
	Percent   func(percent int) // is told how much of the work is done, from 0 to 100; nil when nobody wants to know
	Spend     Spend             // what requests to models cost; nil where nobody counts it
}

// ReadsAlong reports whether the answer is read while it is written.
func (c *Call) ReadsAlong() bool { return c.Text != nil && (c.Followed == nil || c.Followed()) }

// Result is what an agent answered.
type Result struct {
	Output    string
	Usage     Usage
	By        Answerer
	Artifacts []Artifact // what it has made, in the order in which it was saved
}

// Answerer is who answered, and what it took. Of a flow it is that of the step that answered.
type Answerer struct {
	Provider  string     `json:"provider,omitempty"`
	Model     string     `json:"model,omitempty"`
	Degraded  bool       `json:"degraded,omitempty"`  // a fallback answered; in a flow, in one of its steps
	IsData    bool       `json:"isData,omitempty"`    // the output is JSON of the agent's schema
	Responses []Response `json:"responses,omitempty"` // that providers have worked on by themselves
	// all that were made; nil when there is nothing to report but an answer
	Attempts []Attempt `json:"attempts,omitempty"`
}

// Attempt is one request to a provider, or one that was not made because the provider has failed too often.
type Attempt struct {
	Provider  string        `json:"provider"`
	Model     string        `json:"model,omitempty"`
	StartedAt time.Time     `json:"startedAt"`
	Duration  time.Duration `json:"duration"`
	Status    int           `json:"status,omitempty"` // of HTTP; 0 where there was none
	Error     *Failure      `json:"error,omitempty"`  // nil for an answer
	Cost      *spend.Amount `json:"cost,omitempty"`   // nil for a model without a price
	Finish    string        `json:"finish,omitempty"` // a finish reason that is not known
	// Reason is what the provider said itself, without secrets and without anything of the conversation. It is for
	// whoever runs the gateway.
	Reason string `json:"reason,omitempty"`
}

// maxAttempts bounds how many attempts of one call are kept: the first and the last ones.
const maxAttempts = 32

// Usage counts the tokens of one or several model calls, as the provider reported them.
type Usage struct {
	PromptTokens     int `json:"promptTokens"`
	CompletionTokens int `json:"completionTokens"`
	TotalTokens      int `json:"totalTokens"`
	UsageDetails
	Cost spend.Cost `json:"-"`
}

// UsageDetails are what only some providers report, or some models use.
type UsageDetails struct {
	CachedTokens     int     `json:"cachedTokens,omitempty" doc:"Of the prompt, those that the provider had in its cache."`
	CacheWriteTokens int     `json:"cacheWriteTokens,omitempty" doc:"Of the prompt, those that the provider has put into its cache."`
	ReasoningTokens  int     `json:"reasoningTokens,omitempty" doc:"Of the completion, those that the model has thought with."`
	Images           int     `json:"images,omitempty" doc:"That were made."`
	AudioSeconds     float64 `json:"audioSeconds,omitempty" doc:"Of sound that was transcribed."`
	Characters       int     `json:"characters,omitempty" doc:"Of text that was spoken."`
}

// Add returns the sum of both.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		PromptTokens:     u.PromptTokens + v.PromptTokens,
		CompletionTokens: u.CompletionTokens + v.CompletionTokens,
		TotalTokens:      u.TotalTokens + v.TotalTokens,
		UsageDetails: UsageDetails{
			CachedTokens:     u.CachedTokens + v.CachedTokens,
			CacheWriteTokens: u.CacheWriteTokens + v.CacheWriteTokens,
			ReasoningTokens:  u.ReasoningTokens + v.ReasoningTokens,
			Images:           u.Images + v.Images,
			AudioSeconds:     u.AudioSeconds + v.AudioSeconds,
			Characters:       u.Characters + v.Characters,
		},
		Cost: u.Cost.Plus(v.Cost),
	}
}

// Use returns what the usage is paid by. Some providers count what a model has thought with in the total alone: it
// is paid as output is.
func (u Usage) Use() spend.Use {
	return spend.Use{
		Input:        int64(u.PromptTokens + u.Characters),
		Output:       int64(max(u.CompletionTokens, u.TotalTokens-u.PromptTokens)),
		CachedInput:  int64(u.CachedTokens),
		CacheWrite:   int64(u.CacheWriteTokens),
		Images:       int64(u.Images),
		Milliseconds: int64(math.Ceil(u.AudioSeconds * 1000)),
	}
}

// Tool is something that an agent can do beside writing its answer.
type Tool struct {
	Name        string
	Description string          // tells the model when to use it
	Parameters  json.RawMessage // JSON Schema of an object
	// Use returns what the model is told, and gets the context of the call. An error is told to the model too; it
	// does not end the call.
	Use func(ctx context.Context, arguments json.RawMessage) (string, error)
}
