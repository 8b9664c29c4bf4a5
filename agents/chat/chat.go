// Package chat invokes an agent by asking an OpenAI-compatible chat model.
package chat

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
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
		system, err := agents.ParseInstructions(a.SystemPrompt)
		if err != nil {
			found.Add("systemPrompt", "%s", err)
		}
		if len(found) > 0 {
			return nil, found
		}
		log := log.With("agent", a.ID, "provider", p.ID)
		timeout := p.Timeout.Or(agents.DefaultProviderTimeout)
		config := openai.DefaultConfig(p.APIKey.Reveal())
		config.BaseURL = target.base
		config.EmptyMessagesLimit = maxAnswer // comments keep a stream alive; its size is bounded
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
			url:      withoutQuery(target.url),
			timeout:  timeout,
			secrets:  secretsOf(p, target.url),
			client:   openai.NewClientWithConfig(config),
			system:   system,
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
	system   *agents.Instructions
	request  openai.ChatCompletionRequest // all but the messages
	noUsage  atomic.Bool                  // the provider refuses to count the tokens of streams
}

// Invoke asks the model; retries are underneath. Its errors are problems: Upstream for what the provider did, Expired
// when ctx's deadline passed; if ctx was cancelled, the error wraps ctx's error and its cause.
func (m *model) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	if ctx.Err() != nil {
		return agents.Result{}, m.ended(ctx)
	}
	request := m.request
	system, err := m.system.Render(call)
	if err != nil {
		return agents.Result{}, err
	}
	request.Messages = make([]openai.ChatCompletionMessage, 0, 2)
	if system != "" {
		request.Messages = append(request.Messages, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleSystem, Content: system})
	}
	request.Messages = append(request.Messages, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleUser, Content: call.Prompt})
	if call.Text != nil || len(call.Tools) > 0 {
		return m.converse(ctx, call, request)
	}
	response, err := m.client.CreateChatCompletion(resendable(ctx, &request), request)
	if err != nil {
		return agents.Result{}, m.explain(ctx, err, request.Messages)
	}
	return m.read(&response, false)
}
