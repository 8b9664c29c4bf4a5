package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
)

const paramsFile = `
providers:
  - id: openai
    type: openai
    stream: never
    reasoning: keep
    params:
      seed: 9007199254740993
      top_p: ${TOP_P}
      user: null
  - {id: other, type: openai}
agents:
  - id: triage
    provider: openai
    model: m
    params: {stop: [a, 1, 1.5], nested: {deep: {on: true, when: 2026-02-18}}, temperature: null}
    fallbacks: [{provider: other, model: n}, {provider: openai}]
    output: {schema: {type: object, required: [a]}, repair: 0}
  - {id: plain, provider: openai, model: m, output: {}, params: {}, fallbacks: []}
`

// What goes to a model as it stands is read, written and read again without a change.
func TestParameters(t *testing.T) {
	env := vars{"TOP_P": "0.9"}
	c := load(t, paramsFile, env)
	p := declared[agents.Provider](c)[0]
	require.Equal(t, agents.StreamNever, p.Stream)
	require.Equal(t, agents.ReasoningKeep, p.Reasoning)
	require.Equal(t, agents.Object{"seed": 9007199254740993, "top_p": 0.9, "user": nil}, p.Params)
	a := declared[agents.Agent](c)[0]
	require.Equal(t, agents.Object{"stop": []any{"a", 1, 1.5}, "nested": map[string]any{"deep": map[string]any{"on": true, "when": "2026-02-18"}}, "temperature": nil}, a.Params)
	require.Equal(t, []agents.Fallback{{Provider: "other", Model: "n"}, {Provider: "openai"}}, a.Fallbacks)
	require.Equal(t, &agents.Output{Schema: agents.OutputSchema{"type": "object", "required": []any{"a"}}, Repair: new(0)}, a.Output)

	exported := export(t, paramsFile, env)
	again := load(t, exported, env)
	require.Equal(t, declared[agents.Provider](c), declared[agents.Provider](again), exported)
	require.Equal(t, a, declared[agents.Agent](again)[0], exported)
}

func TestMistakesInParameters(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"stream: never", "stream: sometimes", "providers.openai.stream: must be auto, never or always"},
		{"reasoning: keep", "reasoning: hide", "must be strip or keep"},
		{"user: null", "messages: []", "messages: cannot be set"},
		{"user: null", "x: .nan", "x: cannot be written as JSON"},
		{"seed:", "seed: 1\n      seed:", `the key "seed" is there twice`},
		{"params: {stop", "params: [stop", ""},
		{"provider: other, model: n", "provider: gone", `there is no usable provider "gone"`},
		{"type: object", "type: 7", "is not a JSON Schema"},
		{"repair: 0", "repair: 99", "must be between 0 and 5"},
		{"repair: 0", "retry: 0", `there is no key "retry"`},
	} {
		t.Run(c.to, func(t *testing.T) {
			list := complaints(t, strings.Replace(paramsFile, c.from, c.to, 1), vars{"TOP_P": "1"})
			require.NotEmpty(t, list)
			require.Contains(t, strings.Join(list, "\n"), strings.TrimPrefix(c.want, "providers.openai.stream: "))
		})
	}
}
