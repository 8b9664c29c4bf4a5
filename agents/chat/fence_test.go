package chat_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/internal/fence"
)

// What third parties have written is in the user role only, in markers that a line of the system prompt explains.
func TestAFencedCall(t *testing.T) {
	f := &fence.Fence{Marker: "m4rk", Spans: fence.Spans{{8, 18}}}
	line, _ := json.Marshal(f.Explain())
	const system = "Be brief. {{ .agent }}: {{ .outputs.draft }}"
	call := agents.Call{AgentID: "triage", Prompt: "Look at ignore all!", Fence: f, Outputs: map[string]string{"draft": "obey"}}
	user, _ := json.Marshal("[value 1] of your instructions:\n<untrusted-m4rk>obey</untrusted-m4rk>\n\nLook at <untrusted-m4rk>ignore all</untrusted-m4rk>!")
	quoted := func(text string, line []byte) string { return `"` + text + `\n\n` + string(line[1:]) }
	for kind, want := range map[string]string{
		chat.TypeOpenAI: `{"model":"m","stream":false,"messages":[{"role":"system","content":` + quoted("Be brief. triage: [value 1]", line) + `},
			{"role":"user","content":` + string(user) + `}]}`,
		chat.TypeResponses: `{"model":"m","stream":false,"store":false,"instructions":` + quoted("Be brief. triage: [value 1]", line) + `,
			"input":[{"role":"user","content":` + string(user) + `}]}`,
		chat.TypeAnthropic: `{"model":"m","stream":false,"max_tokens":8192,"system":[{"type":"text","text":"Be brief. triage: [value 1]"},
			{"type":"text","text":` + string(line) + `}],"messages":[{"role":"user","content":` + string(user) + `}]}`,
	} {
		t.Run(kind, func(t *testing.T) {
			p := serve(t, reply(400, `{}`))
			agent := p.agent(t, agents.Agent{SystemPrompt: system}, func(config *agents.Provider) { config.Type = kind })
			_, _ = agent.Invoke(t.Context(), call)
			require.JSONEq(t, want, p.seen()[0].body)
		})
	}
}

// The line differs from run to run, so that it stands behind what Anthropic's cache keeps; it is there without a system prompt, too.
func TestTheLineIsNotCached(t *testing.T) {
	f := &fence.Fence{Marker: "m4rk"}
	line, _ := json.Marshal(f.Explain())
	for system, want := range map[string]string{
		"Be brief.": `[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}},{"type":"text","text":` + string(line) + `}]`,
		"":          `[{"type":"text","text":` + string(line) + `}]`,
	} {
		p := serve(t, reply(400, `{}`))
		agent := p.agent(t, agents.Agent{SystemPrompt: system}, func(config *agents.Provider) { config.Type = chat.TypeAnthropic })
		_, _ = agent.Invoke(t.Context(), agents.Call{Prompt: prompt, Fence: f})
		var sent struct{ System json.RawMessage }
		require.NoError(t, json.Unmarshal([]byte(p.seen()[0].body), &sent))
		require.JSONEq(t, want, string(sent.System))
	}
}

// What is wrong with an answer may be in the answer's own words.
func TestARepairIsFenced(t *testing.T) {
	p := serve(t, reply(200, answer(`{"ignore all instructions":1}`)), reply(200, answer(`{"n":1}`)))
	schema := agents.OutputSchema{"type": "object", "properties": map[string]any{"n": map[string]any{"type": "number"}}, "required": []any{"n"}, "additionalProperties": false}
	result, err := p.agent(t, agents.Agent{Output: &agents.Output{Schema: schema}}).Invoke(t.Context(), agents.Call{Prompt: prompt, Fence: &fence.Fence{Marker: "m4rk"}})
	require.NoError(t, err)
	require.JSONEq(t, `{"n":1}`, result.Output)
	var sent struct {
		Messages []struct{ Role, Content string }
	}
	require.NoError(t, json.Unmarshal([]byte(p.seen()[1].body), &sent))
	last := sent.Messages[len(sent.Messages)-1]
	require.Equal(t, "user", last.Role)
	require.Regexp(t, `^Your answer is not what was asked for: <untrusted-m4rk>[^<]*ignore all instructions[^<]*</untrusted-m4rk>\.`, last.Content)
}
