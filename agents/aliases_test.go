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
	all := map[string]string{"run.created": "k", "run.queued": "a", "run.started": "b", "run.completed": "lead.completed", "run.failed": "d", "run.canceled": "d", "run.viewed": "f",
		"node.started": "g", "node.completed": "h", "node.failed": "i", "node.canceled": "j", "run.*": "video.*", "node.*": "*"}
	step := map[string]string{"started": "research.started", "completed": "research.completed", "failed": "research.failed", "*": "research.*.all"}
	for name, tt := range map[string]struct {
		events map[string]string
		ofStep bool
		want   problem.Fields
	}{
		"all":           {events: all},
		"all of a step": {events: step, ofStep: true},
		"typing error":  {events: map[string]string{"run.complete": "x"}, want: problem.Fields{{Path: "events.run.complete", Message: "there is no such event here; there are run.created, run.queued, run.started, run.completed, run.failed, run.canceled, run.viewed, node.started, node.progress, node.completed, node.failed, node.canceled, run.*, node.*"}}},
		"as in a step":  {events: map[string]string{"completed": "x"}, want: problem.Fields{{Path: "events.completed", Message: "there is no such event here; did you mean run.completed or node.completed?"}}},
		"other case":    {events: map[string]string{"run.Viewed": "x"}, want: problem.Fields{{Path: "events.run.Viewed", Message: "there is no such event here; did you mean run.viewed?"}}},
		"piece of text": {events: map[string]string{"message.delta": "x"}, want: problem.Fields{{Path: "events.message.delta", Message: "there is no such event here; there are run.created, run.queued, run.started, run.completed, run.failed, run.canceled, run.viewed, node.started, node.progress, node.completed, node.failed, node.canceled, run.*, node.*"}}},
		"bad name":      {events: map[string]string{"run.failed": "Lead failed"}, want: problem.Fields{{Path: "events.run.failed", Message: agents.EventNameForm}}},
		"no star":       {events: map[string]string{"run.*": "video"}, want: problem.Fields{{Path: "events.run.*", Message: agents.WildcardNameForm}}},
		"two stars":     {events: map[string]string{"node.*": "*.*"}, want: problem.Fields{{Path: "events.node.*", Message: agents.WildcardNameForm}}},
		"bad wildcard":  {events: map[string]string{"run.*": "Video *"}, want: problem.Fields{{Path: "events.run.*", Message: agents.WildcardNameForm}}},
		"star of one":   {events: map[string]string{"run.failed": "video.*"}, want: problem.Fields{{Path: "events.run.failed", Message: agents.EventNameForm}}},
		"other star":    {events: map[string]string{"*": "video.*", "run.c*": "x"}, want: problem.Fields{{Path: "events.*", Message: "there is no such event here; did you mean run.* or node.*?"}, {Path: "events.run.c*", Message: "there is no such event here; there are run.created, run.queued, run.started, run.completed, run.failed, run.canceled, run.viewed, node.started, node.progress, node.completed, node.failed, node.canceled, run.*, node.*"}}},
		"run of a star": {events: map[string]string{"run.*": "video.*"}, ofStep: true, want: problem.Fields{{Path: "events.run.*", Message: "there is no such event here; did you mean *?"}}},
		"no name":       {events: map[string]string{"run.failed": ""}, want: problem.Fields{{Path: "events.run.failed", Message: agents.EventNameForm}}},
		"as in a flow":  {events: map[string]string{"node.completed": "x"}, ofStep: true, want: problem.Fields{{Path: "events.node.completed", Message: "there is no such event here; did you mean completed?"}}},
		"run of a step": {events: map[string]string{"run.viewed": "x", "failed": "-"}, ofStep: true, want: problem.Fields{{Path: "events.failed", Message: agents.EventNameForm}, {Path: "events.run.viewed", Message: "there is no such event here; there are started, progress, completed, failed, canceled, *"}}},
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
	require.Equal(t, problem.Fields{{Path: "root.events", Message: "does not belong in a step of type sequential, but in one of type agent"}}, found)
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

// A wildcard renames what has no name of its own, and the closest to the node wins.
func TestWildcardsInNamesOfEvents(t *testing.T) {
	named := flow("f", "a", "b")
	named.Events = map[string]string{"run.*": "video.*", "run.failed": "video.errored", "node.*": "part-*.done"}
	named.Root.Steps[1].Events = map[string]string{"*": "critic.*", "failed": "critic.gave-up"}
	set, findings := agents.NewSet(factories(), []agents.Provider{{ID: "p", Type: "echo"}},
		[]agents.Agent{{ID: "a", Provider: "p", Events: map[string]string{"node.started": "a.begins"}}, {ID: "b", Provider: "p"}}, []agents.Flow{named})
	require.Empty(t, findings)
	require.Equal(t, map[string]string{"run.created": "video.created", "run.queued": "video.queued", "run.started": "video.started", "run.completed": "video.completed",
		"run.failed": "video.errored", "run.canceled": "video.canceled", "run.viewed": "video.viewed", "node.started": "part-started.done",
		"node.progress": "part-progress.done", "node.completed": "part-completed.done", "node.failed": "part-failed.done", "node.canceled": "part-canceled.done"}, set.Get("f").Events)
	require.Equal(t, map[string]string{"node.started": "a.begins", "node.progress": "part-progress.done", "node.completed": "part-completed.done", "node.failed": "part-failed.done", "node.canceled": "part-canceled.done"},
		agents.NodeNames(named.Root.Steps[0], set.Get("a"), named))
	require.Equal(t, map[string]string{"node.started": "critic.started", "node.progress": "critic.progress", "node.completed": "critic.completed", "node.failed": "critic.gave-up", "node.canceled": "critic.canceled"},
		agents.NodeNames(named.Root.Steps[1], set.Get("b"), named))
	require.Contains(t, set.EventNames(), "critic.canceled")
	require.NotContains(t, set.EventNames(), "video.*")
	require.NotContains(t, set.EventNames(), "video.failed")
}
