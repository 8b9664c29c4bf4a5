package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/problem"
)

var flowKind = catalog.Kind{Section: "flows", One: "flow", Type: reflect.TypeFor[agents.Flow]()}

// lineMistake is a mistake as the page shows it.
type lineMistake struct {
	Line int
	Text string
}

func readFlow(text string) (f agents.Flow, mistakes []lineMistake, err error) {
	item, found, err := ReadItem(text, flowKind)
	for _, m := range found {
		mistakes = append(mistakes, lineMistake{m.Line, strings.TrimPrefix(m.Path+": "+m.Text, ": ")})
	}
	f, _ = item.(agents.Flow)
	return f, mistakes, err
}

func lineOfFlow(text, path string) int { return LineOfItem(text, flowKind, path) }

const flowInText = `# Kept nowhere.
id: incident
name: "Incident: $${NAME}"
timeout: 10m
retryOnCrash: true
events: {run.completed: incident.solved}
root:
  type: sequential
  onError: continue
  steps:
    - {type: parallel, steps: [{type: agent, agentId: logs, outputKey: logs}, {type: agent, agentId: metrics}]}
    - type: loop
      maxIterations: 3
      until: "state.approved == true"
      steps:
        - type: agent
          agentId: writer
          prompt: |
            Write about {{ .prompt }}.
            $${HOME} stays.
          responseAgent: true
          events: {completed: draft.written}
`

func TestFlowFromTextAndBack(t *testing.T) {
	want, mistakes, err := readFlow(flowInText)
	require.NoError(t, err)
	require.Empty(t, mistakes)
	require.Equal(t, "Incident: ${NAME}", want.Name)
	require.Equal(t, "10m", want.Timeout.String())
	require.Equal(t, "Write about {{ .prompt }}.\n${HOME} stays.\n", want.Root.Steps[1].Steps[0].Prompt)
	require.Equal(t, map[string]string{"completed": "draft.written"}, want.Root.Steps[1].Steps[0].Events)

	text, err := WriteItem(want, nil)
	require.NoError(t, err)
	require.Contains(t, text, "$${HOME} stays.")
	require.NotContains(t, text, "0s", "what is at its default is left out")
	alone := strings.ReplaceAll(strings.TrimPrefix(text, "- "), "\n  ", "\n")
	for name, around := range map[string]string{"alone": alone, "in a list": text, "as in a file": "flows:\n" + text} {
		again, mistakes, err := readFlow(around)
		require.NoError(t, err)
		require.Empty(t, mistakes, "%s:\n%s", name, around)
		require.Equal(t, want, again, name)
	}
	c := load(t, "providers: [{id: p, type: template, template: x}]\nagents: [{id: logs, provider: p}, {id: metrics, provider: p}, {id: writer, provider: p}]\nflows:\n"+text, nil)
	require.Equal(t, []agents.Flow{want}, declared[agents.Flow](c), "a file takes what was written")

	text, err = WriteItem(want, map[string]string{"timeout": "soon", "root.steps[1].maxIterations": "a ${few}", "root.steps[9].until": "x", "nonsense[": "x", "root.until": "later"})
	require.NoError(t, err)
	_, mistakes, err = readFlow(text)
	require.NoError(t, err)
	require.Len(t, mistakes, 3, "%v", mistakes)
	for _, kept := range []string{`timeout: "soon"`, `maxIterations: "a $${few}"`, `until: "later"`} {
		require.Contains(t, text, kept)
	}
}

func TestMistakesInAFlow(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want []lineMistake
	}{
		"nothing":            {"", []lineMistake{{0, "there is nothing here: a flow has an id and a root"}}},
		"an empty document":  {"---", []lineMistake{{0, "there is nothing here: a flow has an id and a root"}}},
		"an empty list item": {"flows:\n-", []lineMistake{{0, "there is nothing here: a flow has an id and a root"}}},
		"a comment":          {"# x\n", []lineMistake{{0, "there is nothing here: a flow has an id and a root"}}},
		"a text":             {"\nhello\n", []lineMistake{{2, "a flow is a mapping (lines of key: value) with an id and a root"}}},
		"two flows":          {"- id: a\n- id: b\n", []lineMistake{{1, "there are 2 flows here; one is edited at a time"}}},
		"no flows":           {"flows: []\n", []lineMistake{{1, "there are 0 flows here; one is edited at a time"}}},
		"two documents":      {"id: a\n---\nid: b\n", []lineMistake{{2, "a second document begins here; one file holds one document (remove the ---)"}}},
		"tab":                {"id: a\nroot:\n\ttype: agent\n", []lineMistake{{3, "a value cannot start like this: put quotes around it, and indent with spaces, not with tabs"}}},
		"itself":             {"id: a\nroot: &r\n  type: sequential\n  steps: [*r]\n", []lineMistake{{4, "the anchor that this alias (*name) refers to contains itself"}}},
		"bad id":             {"root: {type: agent, agentId: a}\nid: A\n", []lineMistake{{2, "id: must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen"}}},
		"no root":            {"id: a\n", []lineMistake{{0, `root.type: must be agent, sequential, parallel, loop, router, foreach or set, not ""`}}},
		"typing error":       {"id: a\nrooot: {type: agent}\n", []lineMistake{{2, `there is no key "rooot" here; did you mean root?`}}},
		"another resource":   {"id: a\nprovider: p\nroot: {type: agent, agentId: a}\n", []lineMistake{{2, `there is no key "provider" here; there are id, name, prompt, timeout, retryOnCrash, share, gate, root, events`}}},
		"number":             {"id: a\nroot:\n  type: loop\n  maxIterations: many\n  steps: [{type: agent, agentId: a}]\n", []lineMistake{{4, "root.maxIterations: must be a whole number"}}},
		"duration":           {"id: a\ntimeout: soon\nroot: {type: agent, agentId: a}\n", []lineMistake{{2, "timeout: must be a duration such as 30s, 5m or 720h"}}},
		"list":               {"id: a\nroot:\n  type: sequential\n  steps: {a: b}\n", []lineMistake{{4, "root.steps: must be a list (lines that begin with -), not a mapping"}}},
		"several": {"id: a\nroot:\n  type: sequential\n  steps:\n    - type: agent\n    - {type: agent, agentId: a, until: x}\n", []lineMistake{
			{5, "root.steps[0].agentId: is required in a step of type agent"}, {6, "root.steps[1].until: does not belong in a step of type agent, but in one of type loop"}}},
		"variable":         {"id: a\nname: ${HOME}\nroot: {type: agent, agentId: '$${A}${B:-c}'}\n", []lineMistake{{2, noVariables}, {3, noVariables}}},
		"variable escaped": {"id: a\nname: $$${HOME}\nroot: {type: agent, agentId: a}\n", nil},
		"event":            {"id: a\nevents: {run.done: x}\nroot: {type: agent, agentId: a}\n", []lineMistake{{2, "events.run.done: there is no such event here; there are run.created, run.queued, run.started, run.completed, run.failed, run.canceled, run.viewed, node.started, node.progress, node.completed, node.failed, node.canceled, run.*, node.*"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, mistakes, err := readFlow(row.text)
			require.NoError(t, err)
			require.Equal(t, row.want, mistakes)
		})
	}
	_, _, err := readFlow(strings.Repeat("#", maxItemText+1))
	require.True(t, problem.Is(err, problem.TooLarge))
}

const noVariables = "variables (${NAME}) are for the configuration file; write $${ for a ${ that is meant literally"

func TestLineOfAField(t *testing.T) {
	for path, line := range map[string]int{"id": 2, "root": 7, "root.steps[0].steps[1].agentId": 11, "root.steps[1].until": 14, "root.steps[1].steps[0].events.completed": 22,
		"root.steps[1].outputKey": 12, "root.steps[9]": 10, "clients": 0, "": 0} {
		require.Equal(t, line, lineOfFlow(flowInText, path), path)
		inFile := "flows:\n  - " + strings.ReplaceAll(flowInText, "\n", "\n    ")
		if line > 0 {
			require.Equal(t, line+1, lineOfFlow(inFile, path), path)
		}
	}
	require.Zero(t, lineOfFlow("{", "id"))
	require.Zero(t, lineOfFlow(strings.Repeat("#", maxItemText+1), "id"))
}

// FuzzReadFlow reads any text: it must end and not panic, its lines are lines of the text, and what it has read without
// mistakes is written and read as the same.
func FuzzReadFlow(f *testing.F) {
	for _, seed := range []string{flowInText, "", "- {id: a, root: {type: agent, agentId: a}}", "id: a\nroot: &r {type: loop, steps: [*r]}", "x: ${A}", "id: '$$${A}'\nroot: {<<: {type: agent, agentId: a}}",
		"id: a\nroot: {type: agent, agentId: \"\\u0085\", prompt: \"\\x85 \\t\\n\"}", "%YAML 1.2\n---\n{}", "flows: [[]]", "? {a: b}\n: c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		flow, mistakes, err := readFlow(text)
		if err != nil {
			return
		}
		breaks := strings.NewReplacer("\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n").Replace(text)
		for _, m := range mistakes {
			require.LessOrEqual(t, m.Line, strings.Count(breaks, "\n")+1)
			require.NotEmpty(t, m.Text)
		}
		if len(mistakes) > 0 {
			return
		}
		written, err := WriteItem(flow, nil)
		require.NoError(t, err)
		again, mistakes, err := readFlow(written)
		require.NoError(t, err)
		require.Empty(t, mistakes, written)
		require.Equal(t, flow, again, written)
	})
}
