// Package chat invokes an agent by asking a chat model: over OpenAI's chat completions, which most servers speak,
// or over an API of its vendor's own. The APIs differ in how a question is written (wire) and how an answer is read
// (package completion); everything else is the same for all.
//
// A call that waits, a stream and a queued run ask the same way and understand the same: package completion reads
// whatever comes. The provider is asked to stream only where somebody reads along.
package chat

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"beckon/agents"
	"beckon/internal/egress"
	"beckon/internal/problem"
)

// New makes invokers for the API that the type of a provider names: "openai" for every server that speaks OpenAI's
// chat completions, "anthropic" for Anthropic's Messages API, "responses" for OpenAI's Responses API. They share
// the transport, which must not follow redirects.
func New(transport http.RoundTripper, log *slog.Logger) agents.Factory {
	return newFactory(transport, log, egress.NewPace())
}

func newFactory(transport http.RoundTripper, log *slog.Logger, pace egress.Pace) agents.Factory {
	f := &factory{transport: transport, pace: pace, log: log}
	return func(p agents.Provider, a agents.Agent) (agents.Invoker, problem.Fields) {
		m, found := f.model(wireOf(p), p, a)
		if len(found) > 0 {
			return nil, found
		}
		return m, nil
	}
}

// factory makes models.
type factory struct {
	transport http.RoundTripper
	pace      egress.Pace
	log       *slog.Logger
	learnt    library
}

func (f *factory) model(wire *wire, p agents.Provider, a agents.Agent) (*model, problem.Fields) {
	var found problem.Fields
	if a.Model == "" {
		found.Add("model", "is required: the name of a model of provider %q", p.ID)
	}
	base, headers := address(p, wire, &found)
	system, err := agents.ParseInstructions(a.SystemPrompt)
	if err != nil {
		found.Add("systemPrompt", "%s", err)
	}
	for _, name := range wire.reserved {
		if _, isSet := p.Params[name]; isSet {
			found.Add("provider.params."+name, "cannot be set: it is made of the prompt")
		}
		if _, isSet := a.Params[name]; isSet {
			found.Add("params."+name, "cannot be set: it is made of the prompt")
		}
	}
	if len(found) > 0 {
		return nil, found
	}
	target := base.JoinPath(wire.path)
	log := f.log.With("agent", a.ID, "provider", p.ID)
	schema, repairs := schemaOf(a)
	timeout := p.Timeout.Or(agents.DefaultProviderTimeout)
	return &model{
		wire:     wire,
		agent:    a.ID,
		provider: p.ID,
		name:     a.Model,
		url:      withoutQuery(target),
		timeout:  timeout,
		secrets:  secretsOf(p, target),
		sender: &sender{
			format:    wire.format,
			transport: f.transport,
			method:    http.MethodPost,
			url:       target,
			plain:     headersFor(headers, "application/json"),
			streaming: headersFor(headers, eventStream),
			timeout:   timeout,
			retries:   p.Retries(),
			pace:      f.pace,
			log:       log,
			api:       apiOf(p.Type),
			provider:  p.ID,
			model:     a.Model,
		},
		system:       system,
		schema:       schema,
		repairs:      repairs,
		acting:       a.Acting(),
		maxSteps:     a.Steps(),
		request:      newRequest(wire, p, a, schema, f.learnt.of(p, a.Model, target)),
		stream:       strings.TrimPrefix(p.Stream, agents.StreamAuto),
		keepThoughts: p.Reasoning == agents.ReasoningKeep,
	}, nil
}

// model is one agent on its provider. It is safe for concurrent use.
type model struct {
	wire         *wire
	agent        string
	provider     string
	name         string        // of the model
	url          string        // for the log, without query
	timeout      time.Duration // of one attempt
	secrets      []string
	sender       *sender
	system       *agents.Instructions
	schema       *agents.Schema // of the answer; nil for any text
	acting       agents.Acting  // what it may do with tools
	maxSteps     int            // how often the model is asked within one call
	repairs      int            // how often the model is told that its answer is not of the schema
	request      *request
	stream       string // agents.StreamNever or StreamAlways; "" is by who reads along
	keepThoughts bool
}

// Invoke asks the model, uses the tools that it calls, and asks again, until it answers; retries are underneath.
// Its errors are problems: Upstream for what the provider did, Expired when ctx's deadline passed; if ctx was
// cancelled, the error wraps ctx's error and its cause.
func (m *model) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	if ctx.Err() != nil {
		return agents.Result{}, m.ended(ctx)
	}
	call = call.ForModel()
	system, err := m.system.RenderText(call)
	if err != nil {
		return agents.Result{}, err
	}
	d := &dialog{
		model:   m,
		call:    &call,
		said:    newConversation(m.wire, call.Ask(system), m.system.IsTemplate()),
		repairs: m.repairs,
	}
	if d.said.images, err = imagesOf(ctx, &call); err != nil {
		return agents.Result{}, err
	}
	if m.wire.hasBackground {
		d.background = newBackground(m.provider, call.Responses)
	}
	if call.Turns != nil && len(m.acting.Tools) > 0 {
		acting := m.acting
		acting.Artifacts = call.Artifacts
		if d.turn, err = call.Turns.Open(ctx, acting); err != nil {
			return agents.Result{}, err
		}
	}
	if err := d.offerTools(); err != nil {
		return agents.Result{}, err
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
