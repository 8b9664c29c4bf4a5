package agents_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/units"
)

type answer string

func (a answer) Invoke(context.Context, agents.Call) (agents.Result, error) {
	return agents.Result{Output: string(a)}, nil
}

// chain is the invoker of a flow: the entries it found when it was made.
type chain struct {
	answer
	entries []*agents.Entry
}

func factories() agents.Factories {
	return agents.Factories{
		Providers: map[string]agents.Factory{
			"echo": func(p agents.Provider, a agents.Agent) (agents.Invoker, problem.Fields) {
				var fields problem.Fields
				if a.Model == "refused" {
					fields.Add("model", "is refused")
				}
				if p.Template == "refused" {
					fields.Add("provider.template", "is refused")
				}
				return answer(p.ID + "/" + a.ID), fields
			},
			"mute": func(agents.Provider, agents.Agent) (agents.Invoker, problem.Fields) { return answer(""), nil },
		},
		Flow: func(f agents.Flow, lookup func(string) *agents.Entry) (agents.Invoker, problem.Fields) {
			var fields problem.Fields
			if f.Root.Until == "refused" {
				fields.Add("root.until", "is refused")
			}
			c := chain{answer: answer("flow " + f.ID)}
			for _, step := range f.Root.Steps {
				c.entries = append(c.entries, lookup(step.AgentID))
			}
			return c, fields
		},
	}
}

// flow runs the agents one after another.
func flow(id string, agentIDs ...string) agents.Flow {
	f := agents.Flow{ID: id, Root: agents.Step{Type: agents.StepSequential}}
	for _, a := range agentIDs {
		f.Root.Steps = append(f.Root.Steps, agents.Step{Type: agents.StepAgent, AgentID: a})
	}
	return f
}

func TestNewSetBuildsEntries(t *testing.T) {
	set, findings := agents.NewSet(factories(),
		[]agents.Provider{{ID: "p", Type: "echo"}},
		[]agents.Agent{{ID: "a", Name: "A", Provider: "p", OutputKey: "key"}, {ID: "b", Provider: "p", Timeout: units.Duration(time.Second)}},
		[]agents.Flow{flow("outer", "inner", "a", "inner"), flow("inner", "b"), {ID: "timed", Name: "T", Timeout: units.Duration(time.Hour), Root: flow("", "a").Root}})
	require.Empty(t, findings)
	require.Equal(t, []string{"a", "b", "inner", "outer", "timed"}, set.IDs())

	a := *set.Get("a")
	result, err := a.Invoker.Invoke(t.Context(), agents.Call{})
	require.NoError(t, err)
	require.Equal(t, agents.Result{Output: "p/a", By: agents.Answerer{Provider: "p"}}, result)
	a.Invoker = nil
	require.Equal(t, agents.Entry{ID: "a", Name: "A", Timeout: 5 * time.Minute, OutputKey: "key", RetryOnCrash: true}, a)
	require.Equal(t, time.Second, set.Get("b").Timeout)
	require.Nil(t, set.Get("nobody"))
	timed := set.Get("timed")
	require.True(t, timed.IsFlow && timed.RetryOnCrash)
	require.Equal(t, time.Hour, timed.Timeout)
	require.Equal(t, []*agents.Entry{set.Get("inner"), set.Get("a"), set.Get("inner")}, set.Get("outer").Invoker.(chain).entries,
		"a flow is made after the flows within it, whatever their order")
}

func TestNewSetReportsAndLeavesOut(t *testing.T) {
	good := []agents.Provider{{ID: "p", Type: "echo"}}
	one := []agents.Agent{{ID: "a", Provider: "p"}}
	for _, tt := range []struct {
		name      string
		providers []agents.Provider
		agents    []agents.Agent
		flows     []agents.Flow
		found     []string
		works     []string
	}{
		{"a provider of no known type", []agents.Provider{{ID: "q", Type: "magic"}}, []agents.Agent{{ID: "a", Provider: "q"}}, []agents.Flow{flow("f", "a")}, []string{
			`providers q type: must be echo or mute, not "magic"`,
			`agents a provider: there is no usable provider "q"`,
			`flows f root.steps[0].agentId: there is no usable agent or flow "a"`}, nil},
		{"no such provider", nil, []agents.Agent{{ID: "a", Provider: "gone"}}, nil, []string{`agents a provider: there is no usable provider "gone"`}, nil},
		{"no provider", good, []agents.Agent{{ID: "a"}}, nil, []string{"agents a provider: is required: the id of a provider"}, nil},
		{"the factory refuses the agent", good, []agents.Agent{{ID: "a", Provider: "p", Model: "refused"}, {ID: "b", Provider: "p"}}, nil, []string{"agents a model: is refused"}, []string{"b"}},
		{"the factory refuses the provider", []agents.Provider{{ID: "p", Type: "echo", Template: "refused"}}, one, nil, []string{"providers p template: is refused"}, nil},
		{"the factory refuses the flow", good, one, []agents.Flow{{ID: "f", Root: agents.Step{Type: "loop", MaxIterations: 1, Until: "refused", Steps: flow("", "a").Root.Steps}}},
			[]string{"flows f root.until: is refused"}, []string{"a"}},
		{"a malformed flow", good, one, []agents.Flow{{ID: "f", Root: agents.Step{Type: "x"}}, flow("g", "f")}, []string{
			`flows f root.type: must be agent, sequential, parallel, loop, router, foreach or set, not "x"`,
			`flows g root.steps[0].agentId: there is no usable agent or flow "f"`}, []string{"a"}},
		{"an agent and a flow of one id", good, one, []agents.Flow{flow("a", "a")}, []string{`flows a id: "a" is already the id of an agent`}, []string{"a"}},
		{"nobody, deep within", good, one, []agents.Flow{{ID: "f", Root: agents.Step{Type: "parallel", Steps: []agents.Step{flow("", "a").Root, flow("", "a", "x").Root}}}},
			[]string{`flows f root.steps[1].steps[1].agentId: there is no usable agent or flow "x"`}, []string{"a"}},
		{"a flow within itself", good, one, []agents.Flow{flow("f", "a", "f")}, []string{"flows f root.steps[1].agentId: makes a cycle: f → f"}, []string{"a"}},
		{"a cycle of three, and who leads into it", good, one, []agents.Flow{flow("in", "f"), flow("f", "g"), flow("g", "h"), flow("h", "f"), flow("out", "a")}, []string{
			"flows h root.steps[0].agentId: makes a cycle: f → g → h → f",
			`flows g root.steps[0].agentId: there is no usable agent or flow "h"`,
			`flows f root.steps[0].agentId: there is no usable agent or flow "g"`,
			`flows in root.steps[0].agentId: there is no usable agent or flow "f"`}, []string{"a", "out"}},
		{"the same flow twice is no cycle", good, one, []agents.Flow{flow("f", "g", "g"), flow("g", "a")}, nil, []string{"a", "f", "g"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, findings := agents.NewSet(factories(), tt.providers, tt.agents, tt.flows)
			var found []string
			for _, f := range findings {
				for _, field := range f.Fields {
					found = append(found, f.Section+" "+f.ID+" "+field.Path+": "+field.Message)
				}
			}
			require.Equal(t, tt.found, found)
			require.Equal(t, tt.works, set.IDs())
		})
	}
}

func TestFlowsAreBounded(t *testing.T) {
	deep := agents.Step{Type: agents.StepAgent, AgentID: "a"}
	for range agents.MaxFlowDepth {
		deep = agents.Step{Type: agents.StepSequential, Steps: []agents.Step{deep}}
	}
	wide := flow("wide", make([]string, agents.MaxFlowSteps)...)
	for i := range wide.Root.Steps {
		wide.Root.Steps[i].AgentID = "a"
	}
	for want, f := range map[string]agents.Flow{
		"is nested more than 32 levels deep":  {ID: "deep", Root: deep},
		"has 1001 steps; 1000 are allowed":    wide,
		"must be between 1 and 1000":          {ID: "endless", Root: agents.Step{Type: "loop", MaxIterations: 1001, Steps: flow("", "a").Root.Steps}},
		"must not be empty":                   {ID: "empty", Root: agents.Step{Type: "parallel"}},
		"must be continue or left out":        {ID: "x", Root: agents.Step{Type: "agent", AgentID: "a", OnError: "ignore"}},
		"is required in a step of type agent": {ID: "x", Root: agents.Step{Type: "agent"}},
		"does not belong in a step of type agent, but in one of type sequential, parallel, loop, router, foreach": {ID: "x", Root: agents.Step{Type: "agent", AgentID: "a", Steps: flow("", "a").Root.Steps}},
		"does not belong in a step of type agent, but in one of type loop":                                        {ID: "x", Root: agents.Step{Type: "agent", AgentID: "a", Until: "true"}},
		"does not belong in a step of type loop, but in one of type agent":                                        {ID: "x", Root: agents.Step{Type: "loop", MaxIterations: 1, AgentID: "a", Steps: flow("", "a").Root.Steps}},
	} {
		found := f.Check()
		require.Len(t, found, 1, want)
		require.Equal(t, want, found[0].Message)
	}
	loop := agents.Step{Type: "loop", Steps: flow("", "a").Root.Steps}
	found := agents.Flow{ID: "x", Root: loop}.Check()
	require.Equal(t, problem.Fields{{Path: "root.maxIterations", Message: "must be between 1 and 1000"}}, found, "a loop without a limit")
	require.Len(t, agents.Flow{ID: "x", Root: agents.Step{Type: "loop", MaxIterations: 1, Prompt: "x", Steps: loop.Steps}}.Check(), 1)
	for range 1000 {
		deep = agents.Step{Type: agents.StepLoop, MaxIterations: 1, Steps: []agents.Step{deep}}
	}
	found = agents.Flow{ID: "abyss", Root: deep}.Check()
	require.Len(t, found, 1)
	require.Equal(t, "is nested more than 32 levels deep", found[0].Message)

	fits := flow("fits", make([]string, agents.MaxFlowSteps-1)...)
	for i := range fits.Root.Steps {
		fits.Root.Steps[i].AgentID = "a"
	}
	require.Empty(t, fits.Check())
}

// Flows within flows count as if their steps stood in the outer one: a chain of them can be endless work as well.
func TestFlowsWithinFlowsAreBounded(t *testing.T) {
	chain := []agents.Flow{flow("f1", "a")}
	for i := 2; i <= 1000; i++ {
		chain = append(chain, flow(fmt.Sprintf("f%d", i), "a", fmt.Sprintf("f%d", i-1)))
	}
	set, findings := agents.NewSet(factories(), []agents.Provider{{ID: "p", Type: "echo"}}, []agents.Agent{{ID: "a", Provider: "p"}}, chain)
	require.NotNil(t, set.Get("f16"))
	require.Nil(t, set.Get("f17"))
	require.Equal(t, problem.Finding{Section: "flows", ID: "f17", Fields: problem.Fields{
		{Path: "root.steps[1].agentId", Message: "nests the flow more than 32 levels deep, with the flows within it"}}}, findings[0])
}

func TestRunsAreRetriedOnCrashUnlessToldOtherwise(t *testing.T) {
	root := flow("", "unset").Root
	set, findings := agents.NewSet(factories(), []agents.Provider{{ID: "p", Type: "echo"}},
		[]agents.Agent{{ID: "unset", Provider: "p"}, {ID: "yes", Provider: "p", RetryOnCrash: new(true)}, {ID: "no", Provider: "p", RetryOnCrash: new(false)}},
		[]agents.Flow{{ID: "flow-unset", Root: root}, {ID: "flow-yes", Root: root, RetryOnCrash: new(true)}, {ID: "flow-no", Root: root, RetryOnCrash: new(false)}})
	require.Empty(t, findings)
	for id, want := range map[string]bool{"unset": true, "yes": true, "no": false, "flow-unset": true, "flow-yes": true, "flow-no": false} {
		require.Equal(t, want, set.Get(id).RetryOnCrash, id)
	}
}

func TestToolsOfAnAgent(t *testing.T) {
	no, yes := false, true
	set, findings := agents.NewSet(factories(), []agents.Provider{{ID: "p", Type: "echo"}},
		[]agents.Agent{{ID: "a", Provider: "p"}, {ID: "b", Provider: "p", Tools: &yes}, {ID: "c", Provider: "p", Tools: &no}}, nil)
	require.Empty(t, findings)
	require.Equal(t, []bool{false, false, true}, []bool{set.Get("a").NoTools, set.Get("b").NoTools, set.Get("c").NoTools})
}
