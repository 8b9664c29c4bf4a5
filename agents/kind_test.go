package agents_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

func TestKinds(t *testing.T) {
	half := 0.5
	for _, c := range []struct {
		name  string
		agent agents.Agent
		want  []string // the beginnings of what is wrong
	}{
		{"chat", agents.Agent{Provider: "p"}, nil},
		{"chat by name", agents.Agent{Kind: "chat", Provider: "p", SystemPrompt: "x", Temperature: &half}, nil},
		{"no provider", agents.Agent{Kind: "image"}, []string{"provider: is required"}},
		{"unknown", agents.Agent{Kind: "video", Provider: "p"}, []string{`kind: must be chat, image, speech, transcription, http, not "video"`}},
		{"image", agents.Agent{Kind: "image", Provider: "p", Request: &agents.Request{Body: "{}"}, Params: agents.Object{"size": "1"}}, nil},
		{"image with an address", agents.Agent{Kind: "image", Provider: "p", Request: &agents.Request{URL: "https://a"}}, []string{"request: is a template"}},
		{"image with what a chat has", agents.Agent{Kind: "image", Provider: "p", SystemPrompt: "x", Temperature: &half, MaxTokens: 1, Output: &agents.Output{}},
			[]string{"systemPrompt: is for agents of kind chat, not image", "temperature: ", "maxTokens: ", "output: is for agents of kind chat, http, not image"}},
		{"transcription with a request", agents.Agent{Kind: "transcription", Provider: "p", Request: &agents.Request{Body: "{}"}}, []string{"request: is for agents of kind image, speech, http"}},
		{"chat with what a job has", agents.Agent{Provider: "p", Request: &agents.Request{}, Poll: &agents.Poll{}, Cancel: &agents.Cancel{}, Artifacts: "answer", Output: &agents.Output{Text: "answer"}},
			[]string{"request: ", "poll: is for agents of kind http, not chat", "cancel: ", "artifacts: ", "output.text: is for agents of kind http"}},
		{"http", agents.Agent{Kind: "http", Request: &agents.Request{URL: "https://a"}, Output: &agents.Output{Text: "answer"}}, nil},
		{"http without a request", agents.Agent{Kind: "http"}, []string{"request: is required"}},
		{"http with a model", agents.Agent{Kind: "http", Provider: "p", Model: "m", Params: agents.Object{"a": 1}, Fallbacks: []agents.Fallback{{Provider: "q"}}, Request: &agents.Request{URL: "https://a"},
			Output: &agents.Output{Repair: new(int)}}, []string{"provider: ", "model: ", "params: ", "fallbacks: ", "output.repair: "}},
	} {
		found := c.agent.Check()
		require.Len(t, found, len(c.want), "%s: %v", c.name, found)
		for i, begin := range c.want {
			require.True(t, strings.HasPrefix(found[i].Path+": "+found[i].Message, begin), "%s: %v", c.name, found[i])
		}
	}
}

func TestMediaNeedAProviderThatHasThem(t *testing.T) {
	quiet := func(agents.Provider, agents.Agent) (agents.Invoker, problem.Fields) { return nil, nil }
	how := agents.Factories{Providers: map[string]agents.Factory{"openai": quiet, "anthropic": quiet, "template": quiet}, Media: map[string]agents.Factory{"image": quiet}}
	_, findings := agents.NewSet(how, []agents.Provider{{ID: "a", Type: "anthropic"}, {ID: "o", Type: "openai"}, {ID: "t", Type: "template"}},
		[]agents.Agent{{ID: "one", Kind: "image", Provider: "a", Model: "m"}, {ID: "two", Kind: "image", Provider: "o", Model: "m", Fallbacks: []agents.Fallback{{Provider: "t"}}},
			{ID: "three", Kind: "image", Provider: "o", Model: "m"}}, nil)
	require.Len(t, findings, 2)
	require.Equal(t, "provider", findings[0].Fields[0].Path)
	require.Contains(t, findings[0].Fields[0].Message, `must be of type openai for an agent of kind image; "a" is of type anthropic`)
	require.Equal(t, "fallbacks[0].provider", findings[1].Fields[0].Path)
}

func TestShortForms(t *testing.T) {
	var a agents.Agent
	require.NoError(t, json.Unmarshal([]byte(`{"request":"{\"a\":1}","output":"answer.text"}`), &a))
	require.Equal(t, &agents.Request{Body: `{"a":1}`}, a.Request)
	require.Equal(t, &agents.Output{Text: "answer.text"}, a.Output)
	require.NoError(t, json.Unmarshal([]byte(`{"request":{"url":"https://a","headers":{"A":"b"}},"output":{"repair":2}}`), &a))
	require.Equal(t, secret.String("b"), a.Request.Headers["A"])
	require.Error(t, json.Unmarshal([]byte(`{"request":{"uri":"https://a"}}`), &a))
	written, err := json.Marshal(a)
	require.NoError(t, err)
	require.NotContains(t, string(written), `"b"`)
}

func TestOrigin(t *testing.T) {
	for url, want := range map[string]string{
		"https://a.example.com/v1/{{ .input }}": "https://a.example.com", "http://a:8080": "http://a:8080", "https://a?x={{ .input }}": "https://a",
		"https://{{ .input }}/": "", "https://a{{ .input }}": "", "https://a\\@b/": "", "https://u@a/": "", "//a/": "", "": "", "https://a#x": "",
	} {
		require.Equal(t, want, agents.Origin(url), url)
	}
}
