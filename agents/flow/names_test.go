package flow_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/flow"
	"beckon/internal/problem"
)

// labels keeps what the events of each node are called, as it begins and as it ends.
type labels struct {
	mu           sync.Mutex
	begun, ended map[string]map[string]string
}

func (l *labels) Finished(string) (agents.Node, bool) { return agents.Node{}, false }

func (l *labels) Begin(n agents.Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun[n.ID] = n.Names
}

func (l *labels) Advance(agents.Node, int) {}

func (l *labels) End(_ context.Context, n agents.Node) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended[n.ID] = n.Names
	return nil
}

func events(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func named(pairs ...string) func(*agents.Step) {
	return func(s *agents.Step) { s.Events = events(pairs...) }
}

func TestNodesCarryTheNamesOfTheirEvents(t *testing.T) {
	entries := map[string]*agents.Entry{
		"plain":  {ID: "plain", Timeout: time.Minute, Invoker: says("A")},
		"writer": {ID: "writer", Timeout: time.Minute, Invoker: says("B"), Events: events("node.started", "writer.began", "node.completed", "writer.done", "run.failed", "x")},
	}
	lookup := func(id string) *agents.Entry { return entries[id] }
	add := func(id string, root agents.Step, own map[string]string) agents.Invoker {
		f, found := flow.New()(agents.Flow{ID: id, Root: root, Events: own}, lookup)
		require.Empty(t, found)
		entries[id] = &agents.Entry{ID: id, Timeout: time.Minute, IsFlow: true, Events: own, Invoker: f}
		return f
	}
	add("inner", seq(agent("plain"), agent("writer", named("completed", "step.done"))), events("node.started", "inner.began"))
	silent := add("silent", seq(agent("plain"), agent("writer", named("failed", "step.failed"))), nil)
	outer := add("outer", seq(agent("plain"), agent("writer", named("started", "step.began")), repeat(2, "", agent("inner"))),
		events("node.started", "outer.began", "node.failed", "outer.failed", "run.completed", "lead.completed"))

	for _, tt := range []struct {
		name string
		flow agents.Invoker
		want map[string]map[string]string
	}{
		{"step, agent, flow", outer, map[string]map[string]string{
			"plain":          events("node.started", "outer.began", "node.failed", "outer.failed"),
			"writer":         events("node.started", "step.began", "node.completed", "writer.done", "node.failed", "outer.failed"),
			"inner#1/plain":  events("node.started", "inner.began", "node.failed", "outer.failed"),
			"inner#1/writer": events("node.started", "writer.began", "node.completed", "step.done", "node.failed", "outer.failed"),
			"inner#2/plain":  events("node.started", "inner.began", "node.failed", "outer.failed"),
			"inner#2/writer": events("node.started", "writer.began", "node.completed", "step.done", "node.failed", "outer.failed"),
		}},
		{"inner on its own", entries["inner"].Invoker, map[string]map[string]string{
			"plain":  events("node.started", "inner.began"),
			"writer": events("node.started", "writer.began", "node.completed", "step.done"),
		}},
		{"as usual", silent, map[string]map[string]string{
			"plain":  nil,
			"writer": events("node.started", "writer.began", "node.completed", "writer.done", "node.failed", "step.failed"),
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &labels{begun: map[string]map[string]string{}, ended: map[string]map[string]string{}}
			_, err := tt.flow.Invoke(t.Context(), agents.Call{Prompt: "Prompt", Progress: l})
			require.NoError(t, err)
			require.Equal(t, tt.want, l.begun)
			require.Equal(t, tt.want, l.ended)
		})
	}
}

func TestAStepThatAsksAFlowRenamesNothing(t *testing.T) {
	_, found := flow.New()(agents.Flow{ID: "f", Root: seq(agent("a"), agent("g", named("completed", "x.done")))}, func(id string) *agents.Entry {
		return &agents.Entry{ID: id, IsFlow: id == "g", Invoker: says("A")}
	})
	require.Equal(t, problem.Fields{{Path: "root.steps[1].events",
		Message: `have no effect here: "g" is a flow, whose own steps make the nodes; rename their events there, or in this flow's events`}}, found)
}
