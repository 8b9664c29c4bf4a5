package flow_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/flow"
	"beckon/internal/problem"
)

// record keeps the nodes of a run in memory, as the database does.
type record struct {
	mu       sync.Mutex
	finished map[string]agents.Node // by an earlier attempt
	begun    []string
	ended    []agents.Node
	fail     func(n agents.Node) error // of End; nil never fails
}

func (r *record) Finished(id string) (agents.Node, bool) {
	n, ok := r.finished[id]
	return n, ok
}

func (r *record) Begin(n agents.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.Status == agents.NodeRunning && !n.StartedAt.IsZero() && n.CompletedAt.IsZero() {
		r.begun = append(r.begun, n.ID)
	}
}

func (r *record) Advance(agents.Node, int) {}

func (r *record) End(ctx context.Context, n agents.Node) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(n); err != nil {
			return err
		}
	}
	r.ended = append(r.ended, n)
	return nil
}

// story is what became of each node, in the order of their ends: "a COMPLETED", "b FAILED provider_error".
func (r *record) story() (lines []string) {
	for _, n := range r.ended {
		line := n.ID + " " + string(n.Status)
		if n.Error != nil {
			line += " " + n.Error.Code
		}
		lines = append(lines, line)
	}
	return lines
}

// nest puts flows beside the agents, as steps of flows.
func (x team) nest(t *testing.T, root agents.Step, inner map[string]agents.Step) agents.Invoker {
	t.Helper()
	flows := map[string]agents.Invoker{}
	lookup := func(id string) *agents.Entry {
		if f := flows[id]; f != nil {
			return &agents.Entry{ID: id, Timeout: time.Minute, IsFlow: true, Invoker: f}
		}
		if x[id] == nil {
			return nil
		}
		return &agents.Entry{ID: id, Timeout: time.Minute, Invoker: x[id]}
	}
	for len(flows) < len(inner) {
		for id, s := range inner { // a flow waits for those within it
			if f, found := flow.New()(agents.Flow{ID: id, Root: s}, lookup); len(found) == 0 {
				flows[id] = f
			}
		}
	}
	f, found := flow.New()(agents.Flow{ID: "f", Root: root}, lookup)
	require.Empty(t, found)
	return f
}

func TestNodeIDs(t *testing.T) {
	for _, c := range []struct {
		name  string
		root  agents.Step
		inner map[string]agents.Step
		want  string
	}{
		{"one agent", agent("a"), nil, "a"},
		{"an agent at several places", seq(agent("a"), agent("b"), agent("a"), seq(agent("a"))), nil, "a b a-2 a-3"},
		{"an agent with such a name", seq(agent("a"), agent("a"), agent("a-2"), agent("a"), agent("a-2")), nil, "a a-3 a-2 a-4 a-2-2"},
		{"a loop", repeat(2, "", agent("a"), agent("b")), nil, "a#1 b#1 a#2 b#2"},
		{"a loop in a loop", repeat(2, "", agent("a"), repeat(2, "", agent("b"), agent("a"))), nil,
			"a#1 b#1.1 a-2#1.1 b#1.2 a-2#1.2 a#2 b#2.1 a-2#2.1 b#2.2 a-2#2.2"},
		{"after a loop", seq(repeat(2, "", agent("a")), agent("a")), nil, "a#1 a#2 a-2"},
		{"a flow in a flow", seq(agent("a"), agent("g"), agent("g")), map[string]agents.Step{"g": seq(agent("a"), agent("b"))}, "a g/a g/b g-2/a g-2/b"},
		{"a flow in a loop", repeat(2, "", agent("g")), map[string]agents.Step{"g": repeat(2, "", agent("a"))}, "g#1/a#1 g#1/a#2 g#2/a#1 g#2/a#2"},
		{"three levels", agent("h"), map[string]agents.Step{"g": agent("a"), "h": seq(agent("g"), agent("a"))}, "h/g/a h/a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := team{"a": says("A"), "b": says("B"), "a-2": says("C")}
			var r record
			_, err := x.nest(t, c.root, c.inner).Invoke(t.Context(), agents.Call{Prompt: "Prompt", Progress: &r})
			require.NoError(t, err)
			require.Equal(t, c.want, strings.Join(r.begun, " "))
			for i, n := range r.ended {
				require.Equal(t, r.begun[i], n.ID)
				require.Equal(t, agents.NodeCompleted, n.Status)
				require.Equal(t, 3, n.Usage.TotalTokens)
				require.Contains(t, n.ID, n.Type)
				require.NotEmpty(t, n.Output)
				require.False(t, n.CompletedAt.Before(n.StartedAt))
			}
		})
	}
}

func TestParallelNodesKeepTheirIDs(t *testing.T) {
	x := team{"a": says("A"), "b": says("B")}
	var r record
	_, err := x.nest(t, repeat(2, "", par(agent("a"), agent("a"), seq(agent("b"), agent("a")))), nil).Invoke(t.Context(), agents.Call{Prompt: "P", Progress: &r})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"a#1", "a-2#1", "b#1", "a-3#1", "a#2", "a-2#2", "b#2", "a-3#2"}, r.begun)
}

func TestWhatBecomesOfNodes(t *testing.T) {
	for _, c := range []struct {
		name string
		root agents.Step
		want []string
		code string // of the flow's error
	}{
		{"a failure", seq(agent("a"), agent("down"), agent("b")), []string{"a COMPLETED", "down FAILED provider_error"}, "provider_error"},
		{"a failure that is borne", seq(lenient(agent("down")), agent("b")), []string{"down FAILED provider_error", "b COMPLETED"}, ""},
		{"an error that is no problem", agent("odd"), []string{"odd FAILED internal_error"}, "internal_error"},
		{"a panic", agent("panics"), []string{"panics FAILED internal_error"}, "internal_error"},
		{"a step beside it failed", par(agent("waits"), agent("after")), []string{"after FAILED provider_error", "waits CANCELED stopped"}, "provider_error"},
		{"and the step bears failures", par(lenient(agent("waits")), agent("after")), []string{"after FAILED provider_error", "waits CANCELED stopped"}, "provider_error"},
		{"and that is borne", seq(lenient(par(agent("waits"), agent("after"))), agent("b")), []string{"after FAILED provider_error", "waits CANCELED stopped", "b COMPLETED"}, ""},
		{"within a flow", par(agent("inner"), agent("after")), []string{"after FAILED provider_error", "inner/waits CANCELED stopped"}, "provider_error"},
		{"its prompt cannot be made", seq(agent("a"), agent("b", prompt("{{ .outputs.nothing }}"))), []string{"a COMPLETED", "b FAILED prompt_template_failed"}, "prompt_template_failed"},
		{"its prompt is empty", agent("a", prompt("{{ .outputs.x | default \" \" }}")), []string{"a FAILED prompt_template_failed"}, "prompt_template_failed"},
		{"too much", seq(agent("big"), agent("big")), []string{"big COMPLETED", "big-2 FAILED flow_output_too_large"}, "flow_output_too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			running := make(chan struct{})
			x := team{"a": says("A"), "b": says("B"), "down": fails(errDown), "odd": fails(errors.New("SELECT secret")), "big": says(strings.Repeat("x", 3<<20)),
				"panics": {say: func(context.Context, int) (string, error) { panic("ouch") }},
				"after":  {say: func(context.Context, int) (string, error) { <-running; return "", errDown }},
				"waits": {say: func(ctx context.Context, _ int) (string, error) {
					close(running)
					<-ctx.Done()
					return "", ctx.Err()
				}}}
			var r record
			f := x.nest(t, c.root, map[string]agents.Step{"inner": seq(agent("waits"), agent("a"))})
			_, err := f.Invoke(t.Context(), agents.Call{Prompt: "Prompt", Progress: &r})
			require.Equal(t, c.want, r.story())
			require.Len(t, r.begun, len(r.ended))
			for _, n := range r.ended {
				require.NotZero(t, n.CompletedAt)
				if n.Error != nil {
					require.NotContains(t, n.Error.Message, "SELECT")
					require.NotContains(t, n.Error.Message, "ouch")
				}
			}
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.code, problem.Of(err).Code)
		})
	}
}

func TestNodesOfARunThatIsStopped(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(context.Context) (context.Context, context.CancelFunc)
		want []string
	}{
		"canceled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			timer := time.AfterFunc(time.Minute/2, func() { cancel(errors.New("the caller wants it no more")) })
			return ctx, func() { timer.Stop(); cancel(nil) }
		}, []string{"a COMPLETED", "slow CANCELED canceled", "slow-2 CANCELED canceled"}},
		"out of its time": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, time.Minute/2, errors.New("its time"))
		}, []string{"a COMPLETED", "slow FAILED agent_timeout", "slow-2 FAILED agent_timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := team{"a": says("A"), "slow": waits()}
				var r record
				ctx, cancel := c.end(t.Context())
				defer cancel()
				f := x.nest(t, seq(agent("a"), par(agent("slow"), lenient(seq(agent("slow"), agent("a"))))), nil)
				_, err := f.Invoke(ctx, agents.Call{Prompt: "P", Progress: &r})
				require.Error(t, err)
				require.ElementsMatch(t, c.want, r.story())
			})
		})
	}
}

func TestAnEndThatCannotBeRecordedEndsTheFlow(t *testing.T) {
	lost := problem.New(problem.Unavailable, "database_unavailable", "The database does not answer.")
	for name, root := range map[string]agents.Step{
		"in order":          seq(agent("a"), agent("never")),
		"borne":             seq(lenient(agent("a")), agent("never")),
		"borne further out": seq(lenient(par(repeat(2, "", agent("a")))), agent("never")),
		"a failure":         seq(lenient(agent("down")), agent("never")),
		"in a flow":         seq(lenient(agent("inner")), agent("never")),
	} {
		t.Run(name, func(t *testing.T) {
			x := team{"a": says("A"), "down": fails(errDown), "never": says("x")}
			r := record{fail: func(agents.Node) error { return lost }}
			_, err := x.nest(t, root, map[string]agents.Step{"inner": seq(agent("a"), agent("never"))}).Invoke(t.Context(), agents.Call{Prompt: "P", Progress: &r})
			require.ErrorIs(t, err, lost)
			require.Equal(t, lost.Detail, problem.Of(err).Detail, "it is not the agent's failure")
			require.Empty(t, x["never"].calls)
			require.Len(t, r.begun, 1)
		})
	}
}
