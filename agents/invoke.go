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
