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
The provider of the agent "{{.agent}}" answers from a template. Add one that has a model, such as type openai with an apiKey,
on the page /admin/providers or in config.yaml, and give it to the agent in the place of this one. The README shows how.

Your request arrived:
{{truncate 500 .prompt}}{{if gt (len .prompt) (len (truncate 500 .prompt))}}…{{end}}
`

// New makes invokers that render their provider's template over what agents.Instructions know, and systemPrompt: the
// agent's, which is rendered first.
func New() agents.Factory {
	return func(p agents.Provider, a agents.Agent) (agents.Invoker, problem.Fields) {
		text := p.Template
		if strings.TrimSpace(text) == "" {
			text = defaultTemplate
		}
		var found problem.Fields
		parsed, err := render.Parse(text)
		if err != nil {
			found.Add("provider.template", "%s", err)
		}
		system, err := agents.ParseInstructions(a.SystemPrompt)
		if err != nil {
			found.Add("systemPrompt", "%s", err)
		}
		if len(found) > 0 {
			return nil, found
		}
		return &template{agent: a.ID, system: system, parsed: parsed}, nil
	}
}

// template is one agent on its provider. It is safe for concurrent use.
type template struct {
	agent  string
	system *agents.Instructions
	parsed *render.Template
}

// IsLocal implements agents.Local.
func (t *template) IsLocal() bool { return true }

// Invoke renders the template. It uses no tokens, and never succeeds with an empty text.
func (t *template) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	if ctx.Err() != nil {
		return agents.Result{}, fmt.Errorf("agent %q was stopped: %w: %w", t.agent, ctx.Err(), context.Cause(ctx))
	}
	call.AgentID = t.agent
	data, err := agents.DataOf(call)
	if err != nil {
		return agents.Result{}, fmt.Errorf("read what run %s was called with: %w", call.RunID, err)
	}
	if data["systemPrompt"], err = t.system.Render(call); err != nil {
		return agents.Result{}, err
	}
	text, err := t.parsed.Render(data, render.Limits{MaxBytes: maxOutput, Time: maxTime})
	if err == nil && strings.TrimSpace(text) == "" {
		err = errors.New("it came out empty")
	}
	if err != nil {
		return agents.Result{}, problem.New(problem.Upstream, problem.CodeTemplateFailed,
			"The template of agent %q could not be rendered: %s. Check its provider's template.", t.agent,
			strings.TrimSuffix(err.Error(), "."))
	}
	if call.Text != nil {
		call.Text(text)
	}
	return agents.Result{Output: text}, nil
}
