package reply_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/reply"
	"beckon/internal/problem"
)

func call() agents.Call {
	return agents.Call{RunID: "run_1", ClientID: "ci", AgentID: "flow", Prompt: "Hi <there>", SessionID: "s1",
		Metadata:   json.RawMessage(`{"orderId":"o1","n":12345678901}`),
		ReceivedAt: time.Date(2026, 2, 18, 13, 0, 0, 0, time.FixedZone("", 3600))}
}

func TestTemplates(t *testing.T) {
	for _, c := range []struct {
		name, template string
		change         func(*agents.Call)
		want, code     string
	}{
		{"everything", `{{.prompt}}|{{.systemPrompt}}|{{.agent}}|{{.client}}|{{.runId}}|{{.sessionId}}|{{.metadata.orderId}}|{{.metadata.n}}|{{.receivedAt | date "15:04"}}`,
			nil, "Hi <there>|Be brief.|triage|ci|run_1|s1|o1|12345678901|12:00", ""},
		{"no metadata", `{{.metadata.x | default "none"}} {{.metadata}}`, func(c *agents.Call) { c.Metadata = nil }, "none {}", ""},
		{"null metadata", `{{.metadata}}`, func(c *agents.Call) { c.Metadata = json.RawMessage("null") }, "{}", ""},
		{"a missing key", `{{.metadata.nothing}}`, nil, "", "template_failed"},
		{"nothing", `{{if false}}x{{end}}  `, nil, "", "template_failed"},
		{"a prompt is no template", `{{.prompt}}`, func(c *agents.Call) { c.Prompt = "{{.runId}}" }, "{{.runId}}", ""},
		{"outside a flow", `{{.outputs.x | default "none"}} {{json .state}} {{json .outputs}}`, nil, "none {} {}", ""},
		{"within a flow", `{{.outputs.research}} {{.state.n}} {{.state.list.ok}}`, func(c *agents.Call) {
			c.Outputs = map[string]string{"research": "{{.prompt}}"}
			c.State = map[string]any{"n": 3.0, "list": map[string]any{"ok": true}}
		}, "{{.prompt}} 3 true", ""},
		{"an output that is not there", `{{.outputs.research}}`, nil, "", "template_failed"},
		{"too much", `{{range (index .metadata "list")}}{{$.prompt}}{{end}}`, func(c *agents.Call) {
			c.Prompt = strings.Repeat("x", 1<<20)
			c.Metadata = json.RawMessage(`{"list":[1,2,3,4,5]}`)
		}, "", "template_failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			invoker, found := reply.New()(agents.Provider{ID: "offline", Template: c.template}, agents.Agent{ID: "triage", SystemPrompt: "Be brief."})
			require.Empty(t, found)
			input := call()
			if c.change != nil {
				c.change(&input)
			}
			result, err := invoker.Invoke(t.Context(), input)
			require.Equal(t, agents.Result{Output: c.want}, result)
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			require.True(t, problem.Is(err, problem.Upstream), "%v", err)
			require.Equal(t, c.code, problem.Of(err).Code)
			require.Contains(t, problem.Of(err).Detail, `agent "triage"`)
		})
	}
}

func TestTheDefaultTemplate(t *testing.T) {
	invoker, found := reply.New()(agents.Provider{ID: "offline"}, agents.Agent{ID: "assistant"})
	require.Empty(t, found)
	for _, c := range []struct{ prompt, end string }{
		{"Say hello", "arrived:\nSay hello\n"},
		{strings.Repeat("ä", 500), "ä\n"},
		{strings.Repeat("ä", 501), "ä…\n"},
		{strings.Repeat("ä", 8<<20), "ä…\n"},
	} {
		result, err := invoker.Invoke(t.Context(), agents.Call{Prompt: c.prompt})
		require.NoError(t, err)
		require.Contains(t, result.Output, "No model is configured")
		require.Contains(t, result.Output, `"assistant"`)
		require.Contains(t, result.Output, "on the page /admin/providers or in config.yaml")
		require.True(t, strings.HasSuffix(result.Output, c.end), result.Output)
		require.Less(t, len(result.Output), 1500)
	}
}

func TestABrokenTemplateIsFoundAtLoad(t *testing.T) {
	for _, text := range []string{"{{.prompt", "{{nothing .prompt}}", strings.Repeat("x", 1<<20)} {
		invoker, found := reply.New()(agents.Provider{Template: text}, agents.Agent{ID: "a"})
		require.Nil(t, invoker)
		require.Len(t, found, 1)
		require.Equal(t, "provider.template", found[0].Path)
	}
}

func TestTheSystemPromptIsATemplateToo(t *testing.T) {
	make := func(system string) (agents.Invoker, problem.Fields) {
		return reply.New()(agents.Provider{Template: "{{.systemPrompt}}"}, agents.Agent{ID: "writer", SystemPrompt: system})
	}
	writer, found := make("You are {{.agent}}. Use {{.outputs.research}}.")
	require.Empty(t, found)
	input := call()
	input.Outputs = map[string]string{"research": "facts"}
	result, err := writer.Invoke(t.Context(), input)
	require.NoError(t, err)
	require.Equal(t, "You are writer. Use facts.", result.Output)

	_, err = writer.Invoke(t.Context(), call())
	require.True(t, problem.Is(err, problem.Upstream))
	require.Equal(t, "prompt_template_failed", problem.Of(err).Code)

	_, found = make("{{.outputs.research")
	require.Len(t, found, 1)
	require.Equal(t, "systemPrompt", found[0].Path)
}

func TestTheTextIsPassedOn(t *testing.T) {
	for template, want := range map[string]string{"Hello": "Hello", "{{.metadata.nothing}}": ""} {
		invoker, _ := reply.New()(agents.Provider{Template: template}, agents.Agent{ID: "a"})
		text := ""
		input := call()
		input.Text = func(piece string) { text += piece }
		_, _ = invoker.Invoke(t.Context(), input)
		require.Equal(t, want, text)
	}
}

func TestAnEndedContext(t *testing.T) {
	invoker, _ := reply.New()(agents.Provider{}, agents.Agent{ID: "a"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := invoker.Invoke(ctx, call())
	require.ErrorIs(t, err, context.Canceled)
}
