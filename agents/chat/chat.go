// Package chat invokes an agent by asking an OpenAI-compatible chat model.
//
// A call that waits, a stream and a queued run ask the same way and understand the same: package completion reads whatever
// comes. The provider is asked to stream only where somebody reads along.
package chat

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"beckon/agents"
	"beckon/internal/problem"
)

// New makes invokers for every API that speaks OpenAI's chat completions: OpenAI, Azure, the compatible endpoints of
// Anthropic and Gemini, Ollama, vLLM. They share the transport, which must not follow redirects.
func New(transport http.RoundTripper, log *slog.Logger) agents.Factory {
	return newFactory(transport, log, pace{first: firstWait, most: mostWait, wait: wait})
}

func newFactory(transport http.RoundTripper, log *slog.Logger, pace pace) agents.Factory {
	var learnt library
	return func(p agents.Provider, a agents.Agent) (agents.Invoker, problem.Fields) {
		var found problem.Fields
		if a.Model == "" {
			found.Add("model", "is required: the name of a model of provider %q", p.ID)
		}
		target, headers := address(p, &found)
		system, err := agents.ParseInstructions(a.SystemPrompt)
		if err != nil {
			found.Add("systemPrompt", "%s", err)
		}
		if len(found) > 0 {
			return nil, found
		}
		log := log.With("agent", a.ID, "provider", p.ID)
		schema, repairs := schemaOf(a)
		timeout := p.Timeout.Or(agents.DefaultProviderTimeout)
		return &model{
			agent:    a.ID,
			provider: p.ID,
			name:     a.Model,
			url:      withoutQuery(target),
			timeout:  timeout,
			secrets:  secretsOf(p, target),
			sender: &sender{
				transport: transport,
				method:    http.MethodPost,
				url:       target,
				plain:     headersFor(headers, "application/json"),
				streaming: headersFor(headers, eventStream),
				timeout:   timeout,
				retries:   p.Retries(),
				pace:      pace,
				log:       log,
			},
			system:       system,
			schema:       schema,
			repairs:      repairs,
			request:      newRequest(p, a, schema, learnt.of(p, a.Model, target)),
			stream:       strings.TrimPrefix(p.Stream, agents.StreamAuto),
			keepThoughts: p.Reasoning == agents.ReasoningKeep,
		}, nil
	}
}

// model is one agent on its provider. It is safe for concurrent use.
type model struct {
	agent        string
	provider     string
	name         string        // of the model
	url          string        // for the log, without query
	timeout      time.Duration // of one attempt
	secrets      []string
	sender       *sender
	system       *agents.Instructions
	schema       *agents.Schema // of the answer; nil for any text
	repairs      int            // how often the model is told that its answer is not of the schema
	request      *request
	stream       string // agents.StreamNever or StreamAlways; "" is by who reads along
	keepThoughts bool
}

// Invoke asks the model, uses the tools that it calls, and asks again, until it answers; retries are underneath. Its errors
// are problems: Upstream for what the provider did, Expired when ctx's deadline passed; if ctx was cancelled, the error
// wraps ctx's error and its cause.
func (m *model) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	if ctx.Err() != nil {
		return agents.Result{}, m.ended(ctx)
	}
	system, err := m.system.Render(call)
	if err != nil {
		return agents.Result{}, err
	}
	d := &dialog{model: m, call: &call, said: newConversation(system, call.Prompt), repairs: m.repairs}
	if len(call.Tools) > 0 {
		d.tools = make(map[string]agents.Tool, len(call.Tools))
		for _, t := range call.Tools {
			d.tools[t.Name] = t
		}
		if d.declared, err = declare(call.Tools); err != nil {
			return agents.Result{}, err
		}
	}
	return d.run(ctx)
}

// schemaOf is the schema of an agent's answers, if it has one that can be used.
func schemaOf(a agents.Agent) (schema *agents.Schema, repairs int) {
	if a.Output == nil {
		return nil, 0
	}
	schema, _ = agents.NewSchema(a.Output.Schema) // Agent.Check says what is wrong with it
	return schema, a.Output.Repairs()
}

// Notes implements agents.Noted: it says what the provider's answers have taught.
func (m *model) Notes() []string { return m.request.known.lessons().notes() }
