// Package agents knows what can be invoked: agents, flows, and the providers behind them.
package agents

import (
	"context"
	"encoding/json"
	"time"
)

// Invoker is one way of getting an answer: a chat model, a template, a flow of other agents. Invoke ends when ctx
// does. An error that the caller of the gateway may see is a *problem.Error (Upstream for a provider's failure,
// Expired for the agent's own time); the Result beside an error holds what there was until then.
type Invoker interface {
	Invoke(ctx context.Context, call Call) (Result, error)
}

// Call is what an agent is asked.
type Call struct {
	RunID      string
	ClientID   string
	AgentID    string // the agent or flow that was called
	Prompt     string
	SessionID  string
	Metadata   json.RawMessage // a JSON object, or nil
	ReceivedAt time.Time

	Outputs  map[string]string  // within a flow: the named outputs so far
	State    map[string]any     // within a flow: what its agents keep, as JSON decodes it
	Tools    []Tool             // what the agent may call while it works
	Text     func(piece string) // takes the answer piece by piece as it is written; nil when nobody reads along
	Progress Progress           // keeps the nodes of a flow; nil when nobody does
}

// Result is what an agent answered.
type Result struct {
	Output string
	Usage  Usage
}

// Usage counts the tokens of one or several model calls, as the provider reported them.
type Usage struct {
	PromptTokens     int `json:"promptTokens"`
	CompletionTokens int `json:"completionTokens"`
	TotalTokens      int `json:"totalTokens"`
}

// Add returns the sum of both.
func (u Usage) Add(v Usage) Usage {
	return Usage{u.PromptTokens + v.PromptTokens, u.CompletionTokens + v.CompletionTokens, u.TotalTokens + v.TotalTokens}
}

// Tool is something that an agent can do beside writing its answer.
type Tool struct {
	Name        string
	Description string          // tells the model when to use it
	Parameters  json.RawMessage // JSON Schema of an object
	// Use returns what the model is told, and gets the context of the call. An error is told to the model too; it does not
	// end the call.
	Use func(ctx context.Context, arguments json.RawMessage) (string, error)
}
