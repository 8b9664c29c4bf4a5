package chat_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/internal/egress"
	"beckon/internal/problem"
)

// What one agent has learnt of a model, all know who ask it, and nobody who asks another.
func TestWhatIsLearntIsShared(t *testing.T) {
	var mu sync.Mutex
	var sent []string
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		sent = append(sent, string(body))
		mu.Unlock()
		if strings.Contains(string(body), `"max_tokens"`) {
			return answered(400, `{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."}}`), err
		}
		return answered(200, answer("ok")), err
	})
	factory := chat.New(transport, slog.New(slog.DiscardHandler))
	newAgent := func(id, provider, model string) agents.Invoker {
		agent, found := factory(agents.Provider{ID: provider, URL: "http://provider.test/v1"}, agents.Agent{ID: id, Model: model, MaxTokens: 7})
		require.Empty(t, found)
		return agent
	}
	count := func(agent agents.Invoker) int {
		sent = nil
		_, err := ask(t.Context(), agent)
		require.NoError(t, err)
		return len(sent)
	}
	first := newAgent("a", "p", "new")
	require.Empty(t, first.(agents.Noted).Notes())
	require.Equal(t, 2, count(first))
	require.Equal(t, 1, count(first))
	require.Equal(t, 1, count(newAgent("b", "p", "new")), "an agent that is created again, as after a configuration change, remembers it too")
	require.Equal(t, []string{"It takes max_completion_tokens in place of max_tokens."}, newAgent("b", "p", "new").(agents.Noted).Notes())
	require.Equal(t, 2, count(newAgent("a", "p", "other")))
	require.Equal(t, 2, count(newAgent("a", "q", "new")))

	var wg sync.WaitGroup
	crowd := newAgent("a", "p", "crowded")
	for range 20 {
		wg.Go(func() {
			if _, err := ask(context.Background(), crowd); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, crowd.(agents.Noted).Notes(), 1)
}

func answered(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// A provider that refuses whatever it is sent is not asked without end.
func TestLearningHasAnEnd(t *testing.T) {
	p := serve(t, reply(400, `{"error":{"message":"Unsupported: max_tokens, max_completion_tokens, temperature, stream_options, tools, response_format, system role, developer role"}}`))
	agent := p.agent(t, agents.Agent{MaxTokens: 7, Temperature: new(0.1), SystemPrompt: "x", Output: &agents.Output{Schema: agents.OutputSchema{"type": "object"}}})
	var used []string
	_, err := agent.Invoke(t.Context(), agents.Call{Prompt: prompt, Tools: []agents.Tool{note(&used)}})
	require.Equal(t, problem.Upstream, problem.Of(err).Kind)
	require.LessOrEqual(t, len(p.seen()), 9)
}

// The params of an agent are those of its own model. A fallback that refuses one of them is asked without.
func TestAFallbackLeavesOutWhatItRefuses(t *testing.T) {
	refuse := reply(400, `{"error":{"message":"Unknown parameter: 'reasoning_effort'.","param":"reasoning_effort"}}`)
	broken := serve(t, reply(401, `{}`))
	other := serve(t, refuse, reply(200, answer("Hello")))
	transport := egress.NewProviders()
	t.Cleanup(transport.CloseIdleConnections)
	how := agents.Factories{Providers: map[string]agents.Factory{"openai": chat.New(transport, slog.New(slog.DiscardHandler))}}
	a := agents.Agent{ID: "a", Provider: "p", Model: "m", Params: agents.Object{"reasoning_effort": "low"}, Fallbacks: []agents.Fallback{{Provider: "q", Model: "n"}}}
	set, found := agents.NewSet(how, []agents.Provider{{ID: "p", Type: "openai", URL: broken.URL}, {ID: "q", Type: "openai", URL: other.URL}}, []agents.Agent{a}, nil)
	require.Empty(t, found)
	result, err := ask(t.Context(), set.Get("a").Invoker)
	require.NoError(t, err)
	require.Equal(t, "Hello", result.Output)
	require.True(t, result.By.Degraded)
	require.Equal(t, "n", result.By.Model)
	require.Contains(t, broken.seen()[0].body, "reasoning_effort")
	require.NotContains(t, other.seen()[1].body, "reasoning_effort")
	require.Equal(t, []string{"q, n: It does not take reasoning_effort, which is left out."}, set.Get("a").Invoker.(agents.Noted).Notes())
}

// Each attempt is on record, with the provider's own reason for whoever runs the gateway.
func TestAttemptsAreOnRecord(t *testing.T) {
	p := serve(t, reply(503, `{"error":{"message":"the engine is on fire, `+key+`, you said: `+prompt+`"}}`), abort, reply(200, `{"error":"overloaded"}`), reply(200, completion("Hello", "satisfied")))
	result, err := ask(t.Context(), p.agent(t, agents.Agent{}, func(p *agents.Provider) { p.MaxRetries = new(5) }))
	require.NoError(t, err)
	list := result.By.Attempts
	require.Len(t, list, 4)
	for i, code := range []string{"provider_error", "provider_unreachable", "provider_error"} {
		require.Equal(t, "acme", list[i].Provider)
		require.Equal(t, "m", list[i].Model)
		require.Equal(t, code, list[i].Error.Code)
		require.WithinDuration(t, time.Now(), list[i].StartedAt, time.Minute)
	}
	require.Equal(t, 503, list[0].Status)
	require.Contains(t, list[0].Reason, "the engine is on fire")
	require.NotContains(t, list[0].Reason, key)
	require.NotContains(t, list[0].Reason, "payment service")
	require.NotContains(t, list[0].Error.Message, "fire")
	require.Equal(t, "overloaded", list[2].Reason)
	require.Nil(t, list[3].Error)
	require.Equal(t, "satisfied", list[3].Finish)
}
