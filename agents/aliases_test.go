package agents_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/problem"
)

func TestValidEventName(t *testing.T) {
	for name, want := range map[string]bool{
		"run.completed": true, "lead": true, "lead.completed-2_b": true, "a1": true, strings.Repeat("a", 128): true,
		"": false, "Lead": false, "1a": false, ".a": false, "a.": false, "a..b": false, "a b": false, "ä": false, "a\n": false, strings.Repeat("a", 129): false,
	} {
		require.Equal(t, want, agents.ValidEventName(name), "%q", name)
	}
}

func TestEventsAreChecked(t *testing.T) {
	all := map[string]string{"run.queued": "a", "run.started": "b", "run.completed": "lead.completed", "run.failed": "d", "run.canceled": "d", "run.viewed": "f",
		"node.started": "g", "node.completed": "h", "node.failed": "i"}
	step := map[string]string{"started": "research.started", "completed": "research.completed", "failed": "research.failed"}
	for name, tt := range map[string]struct {
		events map[string]string
		ofStep bool
		want   problem.Fields
	}{
		"all":           {events: all},
		"all of a step": {events: step, ofStep: true},
		"typing error":  {events: map[string]string{"run.complete": "x"}, want: problem.Fields{{Path: "events.run.complete", Message: "there is no such event here; there are run.queued, run.started, run.completed, run.failed, run.canceled, run.viewed, node.started, node.completed, node.failed"}}},
		"as in a step":  {events: map[string]string{"completed": "x"}, want: problem.Fields{{Path: "events.completed", Message: "there is no such event here; did you mean run.completed or node.completed?"}}},
		"other case":    {events: map[string]string{"run.Viewed": "x"}, want: problem.Fields{{Path: "events.run.Viewed", Message: "there is no such event here; did you mean run.viewed?"}}},
		"piece of text": {events: map[string]string{"message.delta": "x"}, want: problem.Fields{{Path: "events.message.delta", Message: "there is no such event here; there are run.queued, run.started, run.completed, run.failed, run.canceled, run.viewed, node.started, node.completed, node.failed"}}},
		"bad name":      {events: map[string]string{"run.failed": "Lead failed"}, want: problem.Fields{{Path: "events.run.failed", Message: agents.EventNameForm}}},
		"no name":       {events: map[string]string{"run.failed": ""}, want: problem.Fields{{Path: "events.run.failed", Message: agents.EventNameForm}}},
		"as in a flow":  {events: map[string]string{"node.completed": "x"}, ofStep: true, want: problem.Fields{{Path: "events.node.completed", Message: "there is no such event here; did you mean completed?"}}},
		"run of a step": {events: map[string]string{"run.viewed": "x", "failed": "-"}, ofStep: true, want: problem.Fields{{Path: "events.failed", Message: agents.EventNameForm}, {Path: "events.run.viewed", Message: "there is no such event here; there are started, completed, failed"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.ofStep {
				var under problem.Fields
				under.Under("root", tt.want)
				require.Equal(t, under, agents.Flow{Root: agents.Step{Type: "agent", AgentID: "a", Events: tt.events}}.Check())
				return
			}
			require.Equal(t, tt.want, agents.Agent{Provider: "p", Events: tt.events}.Check())
			require.Equal(t, tt.want, agents.Flow{Root: agents.Step{Type: "agent", AgentID: "a"}, Events: tt.events}.Check())
		})
	}
	found := agents.Flow{Root: agents.Step{Type: "sequential", Events: step, Steps: []agents.Step{{Type: "agent", AgentID: "a"}}}}.Check()
	require.Equal(t, problem.Fields{{Path: "root", Message: "agentId, prompt, outputKey, responseAgent and events belong in a step of type agent, not sequential"}}, found)
}

func TestTheSetKnowsAllNamesOfEvents(t *testing.T) {
	named := flow("f", "a", "b")
	named.Events = map[string]string{"run.failed": "lead.failed", "node.completed": "part.done"}
	named.Root.Steps[1].Events = map[string]string{"completed": "research.completed"}
	broken := flow("broken", "nobody")
	broken.Events = map[string]string{"run.failed": "nobody.failed"}
	set, findings := agents.NewSet(factories(), []agents.Provider{{ID: "p", Type: "echo"}},
		[]agents.Agent{{ID: "a", Provider: "p", Events: map[string]string{"run.completed": "lead.completed", "run.failed": "lead.failed"}}, {ID: "b", Provider: "p"}},
		[]agents.Flow{named, broken})
	require.Len(t, findings, 1)
	require.Equal(t, []string{"lead.completed", "lead.failed", "part.done", "research.completed"}, set.EventNames())
	require.Equal(t, "lead.completed", set.Get("a").Events["run.completed"])
	require.Equal(t, named.Events, set.Get("f").Events)
	require.Nil(t, set.Get("b").Events)
}
