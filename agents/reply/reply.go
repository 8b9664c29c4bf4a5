// Package reply invokes an agent by rendering a template: an answer without a model and without a network.
package reply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/render"
)

const (
	maxOutput = 4 << 20
	maxTime   = 100 * time.Millisecond
)

// defaultTemplate is for a provider without a template, such as the one of a first start.
const defaultTemplate = `No model is configured yet, so this answer comes from Beckon itself and not from an AI.
Add a provider, for example with type: openai and an apiKey, and give it to the agent "{{.agent}}" in config.yaml; the README shows how.

Your request arrived:
{{truncate 500 .prompt}}{{if gt (len .prompt) (len (truncate 500 .prompt))}}…{{end}}
`

// New makes invokers that render their provider's template over prompt, systemPrompt, agent, client, runId, sessionId,
// metadata (an object, empty where there is none) and receivedAt (a time). Agent and client are ids.
func New() agents.Factory {
	return func(p agents.Provider, a agents.Agent) (agents.Invoker, problem.Fields) {
		text := p.Template
		if strings.TrimSpace(text) == "" {
			text = defaultTemplate
		}
		parsed, err := render.Parse(text)
		if err != nil {
			return nil, problem.Fields{{Path: "provider.template", Message: err.Error()}}
		}
		return &template{agent: a.ID, systemPrompt: a.SystemPrompt, parsed: parsed}, nil
	}
}

// template is one agent on its provider. It is safe for concurrent use.
type template struct {
	agent        string
	systemPrompt string
	parsed       *render.Template
}

// Invoke renders the template. It uses no tokens, and never succeeds with an empty text.
func (t *template) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	if ctx.Err() != nil {
		return agents.Result{}, fmt.Errorf("agent %q was stopped: %w: %w", t.agent, ctx.Err(), context.Cause(ctx))
	}
	metadata, err := decode(call.Metadata)
	if err != nil {
		return agents.Result{}, fmt.Errorf("metadata of run %s: %w", call.RunID, err)
	}
	text, err := t.parsed.Render(map[string]any{
		"prompt":       call.Prompt,
		"systemPrompt": t.systemPrompt,
		"agent":        t.agent,
		"client":       call.ClientID,
		"runId":        call.RunID,
		"sessionId":    call.SessionID,
		"metadata":     metadata,
		"receivedAt":   call.ReceivedAt.UTC(),
	}, render.Limits{MaxBytes: maxOutput, Time: maxTime})
	if err == nil && strings.TrimSpace(text) == "" {
		err = errors.New("it came out empty")
	}
	if err != nil {
		return agents.Result{}, problem.New(problem.Upstream, "template_failed",
			"The template of agent %q could not be rendered: %s. Check its provider's template.", t.agent, strings.TrimSuffix(err.Error(), "."))
	}
	return agents.Result{Output: text}, nil
}

func decode(metadata []byte) (any, error) {
	if len(metadata) == 0 {
		return map[string]any{}, nil
	}
	value, err := render.JSON(metadata)
	if err == nil && value == nil {
		return map[string]any{}, nil
	}
	return value, err
}
