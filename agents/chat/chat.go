// Package chat invokes an agent by asking an OpenAI-compatible chat model.
package chat

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/sashabaranov/go-openai"

	"beckon/agents"
	"beckon/internal/problem"
)

// New makes invokers for every API that speaks OpenAI's chat completions: OpenAI, Azure, the compatible endpoints of
// Anthropic and Gemini, Ollama, vLLM. They share the transport, which must not follow redirects.
func New(transport http.RoundTripper, log *slog.Logger) agents.Factory {
	return newFactory(transport, log, pace{first: firstWait, most: mostWait, wait: wait})
}

func newFactory(transport http.RoundTripper, log *slog.Logger, pace pace) agents.Factory {
	return func(p agents.Provider, a agents.Agent) (agents.Invoker, problem.Fields) {
		var found problem.Fields
		if a.Model == "" {
			found.Add("model", "is required: the name of a model of provider %q", p.ID)
		}
		target, headers := address(p, &found)
		if len(found) > 0 {
			return nil, found
		}
		log := log.With("agent", a.ID, "provider", p.ID)
		timeout := p.Timeout.Or(agents.DefaultProviderTimeout)
		config := openai.DefaultConfig(p.APIKey.Reveal())
		config.BaseURL = target.base
		config.HTTPClient = &attempts{
			transport: transport,
			url:       target.url,
			headers:   headers,
			timeout:   timeout,
			retries:   p.Retries(),
			pace:      pace,
			log:       log,
		}
		return &model{
			agent:    a.ID,
			provider: p.ID,
			url:      target.base,
			timeout:  timeout,
			secrets:  secretsOf(p, target.url),
			client:   openai.NewClientWithConfig(config),
			request:  newRequest(a, log),
		}, nil
	}
}

// model is one agent on its provider. It is safe for concurrent use.
type model struct {
	agent    string
	provider string
	url      string        // for the log, without query
	timeout  time.Duration // of one attempt
	secrets  []string
	client   *openai.Client
	request  openai.ChatCompletionRequest // all but the user's message
}

// Invoke asks the model once; retries are underneath. Its errors are problems: Upstream for what the provider did,
// Expired when ctx's deadline passed; if ctx was cancelled, the error wraps ctx's error and its cause.
func (m *model) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	if ctx.Err() != nil {
		return agents.Result{}, m.ended(ctx)
	}
	request := m.request
	request.Messages = append(m.request.Messages[:len(m.request.Messages):len(m.request.Messages)],
		openai.ChatCompletionMessage{Role: openai.ChatMessageRoleUser, Content: call.Prompt})
	response, err := m.client.CreateChatCompletion(ctx, request)
	if err != nil {
		return agents.Result{}, m.explain(ctx, err, call.Prompt)
	}
	return m.read(&response)
}

func (m *model) system() string {
	if len(m.request.Messages) == 0 {
		return ""
	}
	return m.request.Messages[0].Content
}
