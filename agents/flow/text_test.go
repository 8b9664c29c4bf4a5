package flow_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/flow"
	"beckon/internal/problem"
)

// writes is an agent that passes on its answer in pieces.
func writes(lines ...string) *fake {
	f := &fake{}
	f.say = func(_ context.Context, turn int) (string, error) {
		line := lines[min(turn, len(lines))-1]
		if text := f.calls[turn-1].Text; text != nil {
			for _, word := range strings.SplitAfter(line, " ") {
				text(word)
			}
		}
		return line, nil
	}
	return f
}

// What is written piece by piece is the answer, whole and nothing else.
func TestTextIsTheAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		root   agents.Step
		want   string
		pieces int
	}{
		{"one agent", agent("a"), "A says", 2},
		{"the last step", seq(agent("b"), agent("a")), "A says", 2},
		{"deep within", seq(agent("b"), seq(agent("b"), seq(agent("a")))), "A says", 2},
		{"the response agent", seq(agent("b"), agent("a", response), agent("b")), "A says", 2},
		{"the response agent in parallel", seq(par(agent("b"), agent("a", response)), agent("b")), "A says", 2},
		{"parallel at the end", seq(agent("c"), par(agent("a"), agent("b"))), "A says\n\nB says", 1},
		{"a flow", seq(agent("b"), agent("inner")), "A says", 2},
		{"a flow that is not the answer", seq(agent("inner"), agent("b")), "B says", 2},
		{"a flow that ends in parallel", agent("wide"), "A says\n\nB says", 1},
		{"a loop's last turn as it is written", repeat(3, "", agent("turns")), "three is it", 3},
		{"a loop that ends by its condition", repeat(5, "state.k == 'two is'", agent("turns", key("k"))), "two is", 1},
		{"the response agent in a loop", seq(repeat(3, "state.k == 'two is'", agent("turns", response, key("k")), agent("b")), agent("b")), "two is", 1},
		{"a loop in a loop", repeat(2, "", repeat(2, "", agent("turns"))), "four it is", 3},
		{"a flow in a loop", repeat(3, "state.k == 'B says'", agent("a"), agent("other", key("k"))), "B says", 1},
		{"the last step fails", seq(agent("b"), lenient(agent("down"))), "B says", 1},
		{"an agent that writes no pieces", seq(agent("b"), agent("mute")), "nothing said", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := team{"a": writes("A says"), "b": writes("B says"), "c": writes("C says"), "turns": writes("one", "two is", "three is it", "four it is"),
				"down": fails(errDown), "mute": says("nothing said")}
			f := x.nest(t, c.root, map[string]agents.Step{"inner": seq(agent("b"), agent("a")), "wide": par(agent("a"), agent("b")), "other": agent("b")})
			var pieces []string
			result, err := f.Invoke(t.Context(), agents.Call{Prompt: "Prompt", Text: func(piece string) { pieces = append(pieces, piece) }})
			require.NoError(t, err)
			require.Equal(t, c.want, result.Output)
			require.Equal(t, c.want, strings.Join(pieces, ""))
			require.Len(t, pieces, c.pieces)
		})
	}
}

func TestPromptsOfSteps(t *testing.T) {
	x := team{"a": says(" A\n"), "b": says("B"), "c": says("C")}
	f := x.nest(t, seq(agent("a", key("research")), agent("b", prompt("{{ .prompt }} for {{ .agent }}: {{ .outputs.research }}/{{ .state.research }} {{ .metadata.n }} {{ .client }}")),
		agent("c"), agent("g", prompt("Only {{ upper .outputs.research }}"))), map[string]agents.Step{"g": agent("a", prompt("In g: {{ .prompt }}{{ .outputs.research | default \"\" }}"))})
	_, err := f.Invoke(t.Context(), agents.Call{Prompt: "Why?", ClientID: "ci", Metadata: json.RawMessage(`{"n":7}`)})
	require.NoError(t, err)
	require.Equal(t, "Why? for b: A/A 7 ci", x.prompt("b", 1))
	require.Equal(t, "Why?\n\n=== a ===\nA\n\n=== b ===\nB", x.prompt("c", 1), "the next step has what came before again")
	require.Equal(t, "In g: Only A", x.prompt("a", 2), "the prompt of a flow is what its step was given")
	require.Equal(t, map[string]string{"research": "A"}, x["c"].calls[0].Outputs)
}

func TestAPromptThatCannotBeMade(t *testing.T) {
	x := team{"a": says("A"), "b": says("B")}
	for name, c := range map[string]struct {
		root agents.Step
		want string
	}{
		"a missing output":            {seq(agent("a"), agent("b", prompt("{{ .outputs.research }}"))), `"research"`},
		"of a flow":                   {seq(agent("a"), agent("g", prompt("{{ .outputs.research }}"))), `"research"`},
		"outputs of the flow outside": {seq(agent("a", key("research")), agent("h")), `"research"`},
	} {
		t.Run(name, func(t *testing.T) {
			f := x.nest(t, c.root, map[string]agents.Step{"g": agent("b"), "h": agent("b", prompt("{{ .outputs.research }}"))})
			_, err := f.Invoke(t.Context(), agents.Call{Prompt: "P"})
			require.Equal(t, problem.Upstream, problem.Of(err).Kind)
			require.Equal(t, "prompt_template_failed", problem.Of(err).Code)
			require.Contains(t, problem.Of(err).Detail, c.want)
			require.Empty(t, x["b"].calls)
		})
	}
}

func TestPromptsAreCheckedAtLoad(t *testing.T) {
	for _, text := range []string{"{{ .outputs.x", "{{ nothing .prompt }}"} {
		invoker, found := flow.New()(agents.Flow{ID: "f", Root: seq(agent("a"), agent("a", prompt(text)))}, func(id string) *agents.Entry {
			return &agents.Entry{ID: id, Timeout: time.Minute, Invoker: says("A")}
		})
		require.Nil(t, invoker)
		require.Len(t, found, 1)
		require.Equal(t, "root.steps[1].prompt", found[0].Path)
	}
}

func TestWhatIsWrongWithAConditionIsSaidToPeople(t *testing.T) {
	for text, says := range map[string]string{
		"((":                         "it ends too early (column 3)",
		"state.approved ==":          "it ends too early (column 18)",
		"state.approved == true)":    ") does not belong here (column 23)",
		"state.approved = true":      "= does not compare: write == (column 16)",
		"state.n > 3 and state.b":    "and does not belong here (column 13)",
		"approved == true":           "there is no approved; there are state, outputs, prompt, input and metadata, as in state.approved (column 1)",
		"state.x == \"abc":           "a quote is missing (column 12)",
		"outputs.a == 1":             "== is not for values of these types (column 11)",
		"outputs.writer.contains(3)": "contains is not for values of these types (column 24)",
		"if state.a":                 "if is a reserved word of CEL (column 1)",
		"@":                          "@ is not allowed here (column 1)",
	} {
		_, found := flow.New()(agents.Flow{ID: "f", Root: agents.Step{Type: agents.StepLoop, MaxIterations: 1, Until: text,
			Steps: []agents.Step{{Type: agents.StepAgent, AgentID: "a"}}}}, func(id string) *agents.Entry { return &agents.Entry{ID: id} })
		require.Equal(t, problem.Fields{{Path: "root.until", Message: "is not a CEL expression: " + says}}, found, text)
	}
}
