package chat_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/internal/secret"
)

func TestWhatIsSent(t *testing.T) {
	messages := `[{"role":"user","content":"` + prompt + `"}]`
	for _, c := range []struct {
		name     string
		provider agents.Object
		agent    agents.Agent
		body     string
	}{
		{"the least", nil, agents.Agent{}, `{"model":"m","stream":false,"messages":` + messages + `}`},
		{"a system prompt", nil, agents.Agent{SystemPrompt: "Be brief."},
			`{"model":"m","stream":false,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"` + prompt + `"}]}`},
		{"temperature and tokens", nil, agents.Agent{Temperature: new(0.2), MaxTokens: 800},
			`{"model":"m","stream":false,"temperature":0.2,"max_tokens":800,"messages":` + messages + `}`},
		{"temperature 0", nil, agents.Agent{Temperature: new(0.0)},
			`{"model":"m","stream":false,"temperature":0,"messages":` + messages + `}`},
		{"nothing is guessed from a name", nil, agents.Agent{Model: "gpt-5-mini", Temperature: new(0.2), MaxTokens: 800},
			`{"model":"gpt-5-mini","stream":false,"temperature":0.2,"max_tokens":800,"messages":` + messages + `}`},
		{"parameters", agents.Object{"top_p": 0.9, "seed": 9007199254740993, "stop": []any{"a", "b"}}, agents.Agent{},
			`{"model":"m","stream":false,"top_p":0.9,"seed":9007199254740993,"stop":["a","b"],"messages":` + messages + `}`},
		{"the agent's win", agents.Object{"top_p": 0.9, "reasoning_effort": "low", "extra": map[string]any{"a": 1}},
			agents.Agent{Params: agents.Object{"top_p": 0.5, "reasoning_effort": nil, "extra": map[string]any{"b": true}}},
			`{"model":"m","stream":false,"top_p":0.5,"extra":{"b":true},"messages":` + messages + `}`},
		{"null removes", nil, agents.Agent{Temperature: new(0.2), MaxTokens: 5, Params: agents.Object{"temperature": nil, "max_tokens": nil, "stream": nil}},
			`{"model":"m","messages":` + messages + `}`},
		{"parameters win over settings", nil, agents.Agent{Temperature: new(0.2), MaxTokens: 5, Params: agents.Object{"temperature": 1, "max_completion_tokens": 7, "model": "n"}},
			`{"model":"n","stream":false,"temperature":1,"max_completion_tokens":7,"messages":` + messages + `}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := serve(t, reply(200, answer("ok")))
			agent := p.agent(t, c.agent, func(config *agents.Provider) { config.Params = c.provider })
			for range 2 {
				_, err := ask(t.Context(), agent)
				require.NoError(t, err)
				require.JSONEq(t, c.body, p.seen()[len(p.seen())-1].body)
			}
			require.Empty(t, p.log.String())
		})
	}
}

// OpenAI itself takes max_completion_tokens in every model, and its newer ones nothing else.
func TestWhatIsSentToOpenAI(t *testing.T) {
	var sent string
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		sent = string(body)
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(answer("ok")))}, err
	})
	agent, found := chat.New(transport, slog.New(slog.DiscardHandler))(agents.Provider{ID: "openai"}, agents.Agent{ID: "a", Model: "any", MaxTokens: 7})
	require.Empty(t, found)
	_, err := ask(t.Context(), agent)
	require.NoError(t, err)
	require.Contains(t, sent, `"max_completion_tokens":7`)
	require.NotContains(t, sent, `"max_tokens"`)
	require.Empty(t, agent.(agents.Noted).Notes(), "nothing was learnt")
}

type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWhereItIsSent(t *testing.T) {
	for _, c := range []struct {
		name    string
		path    string
		key     secret.String
		headers map[string]secret.String
		url     string
		want    map[string]string
	}{
		{"OpenAI", "/v1", key, nil, "/v1/chat/completions", map[string]string{"Authorization": "Bearer " + key, "Content-Type": "application/json", "User-Agent": "Beckon"}},
		{"a slash at the end", "/v1/", key, nil, "/v1/chat/completions", nil},
		{"no path, no key", "", "", nil, "/chat/completions", map[string]string{"Authorization": ""}},
		{"Azure", "/openai/v1", "", map[string]secret.String{"api-key": "azure"}, "/openai/v1/chat/completions", map[string]string{"Api-Key": "azure", "Authorization": ""}},
		{"Azure by deployment", "/openai/deployments/my%20gpt?api-version=2024-10-21", "", map[string]secret.String{"api-key": "azure"},
			"/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21", map[string]string{"Api-Key": "azure"}},
		{"headers win", "/v1", key, map[string]secret.String{"authorization": "Basic x", "accept": "a/b", "user-agent": "me"}, "/v1/chat/completions",
			map[string]string{"Authorization": "Basic x", "Accept": "a/b", "User-Agent": "me"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := serve(t, reply(503, `{}`), reply(200, answer("ok"))) // the same at the second attempt
			_, err := ask(t.Context(), p.agent(t, agents.Agent{}, func(config *agents.Provider) {
				config.URL, config.APIKey, config.Headers = p.URL+c.path, c.key, c.headers
			}))
			require.NoError(t, err)
			require.Len(t, p.seen(), 2)
			for _, r := range p.seen() {
				require.Equal(t, c.url, r.url)
				for name, value := range c.want {
					require.Equal(t, value, r.header.Get(name), name)
					require.LessOrEqual(t, len(r.header.Values(name)), 1)
				}
			}
		})
	}
}

func TestWhatIsWrongAtLoad(t *testing.T) {
	good := agents.Agent{ID: "a", Model: "m"}
	for _, c := range []struct {
		name     string
		provider agents.Provider
		agent    agents.Agent
		path     string
	}{
		{"no model", agents.Provider{}, agents.Agent{ID: "a"}, "model"},
		{"another scheme", agents.Provider{URL: "ftp://x/v1"}, good, "provider.url"},
		{"no host", agents.Provider{URL: "/v1"}, good, "provider.url"},
		{"the endpoint itself", agents.Provider{URL: "https://x/v1/chat/completions"}, good, "provider.url"},
		{"a line break in the key", agents.Provider{APIKey: "sk-1\n"}, good, "provider.apiKey"},
		{"a line break in a header", agents.Provider{Headers: map[string]secret.String{"X-A": "1\r\nX-B: 2"}}, good, "provider.headers"},
		{"a space in a header's name", agents.Provider{Headers: map[string]secret.String{"X A": "1"}}, good, "provider.headers"},
		{"nothing", agents.Provider{}, good, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			invoker, found := chat.New(http.DefaultTransport, slog.New(slog.DiscardHandler))(c.provider, c.agent)
			if c.path == "" {
				require.Empty(t, found)
				return
			}
			require.Nil(t, invoker)
			require.Len(t, found, 1)
			require.Equal(t, c.path, found[0].Path)
		})
	}
}
