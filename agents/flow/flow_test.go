package flow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"beckon/agents"
	"beckon/agents/flow"
	"beckon/internal/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is an agent of the outside world: say makes its answer, turn counts from 1.
type fake struct {
	mu    sync.Mutex
	calls []agents.Call
	say   func(ctx context.Context, turn int) (string, error)
}

func (f *fake) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	f.mu.Lock()
	f.calls = append(f.calls, call)
	turn := len(f.calls)
	f.mu.Unlock()
	text, err := f.say(ctx, turn)
	return agents.Result{Output: text, Usage: agents.Usage{PromptTokens: 1, CompletionTokens: 2, TotalTokens: 3}}, err
}

func says(lines ...string) *fake {
	return &fake{say: func(_ context.Context, turn int) (string, error) { return lines[min(turn, len(lines))-1], nil }}
}

func fails(err error) *fake {
	return &fake{say: func(context.Context, int) (string, error) { return "", err }}
}

var errDown = problem.New(problem.Upstream, "provider_error", "The provider failed.").Because(errors.New("the cause"))

// waits until its context ends.
func waits() *fake {
	return &fake{say: func(ctx context.Context, _ int) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}}
}

// team are the agents of a flow by their ids.
type team map[string]*fake

func (x team) build(root agents.Step) (agents.Invoker, problem.Fields) {
	return flow.New()(agents.Flow{ID: "f", Root: root}, func(id string) *agents.Entry {
		if x[id] == nil {
			return nil
		}
		return &agents.Entry{ID: id, Timeout: time.Minute, Invoker: x[id], OutputKey: map[string]string{"critic": "critic"}[id]}
	})
}

func (x team) run(t *testing.T, ctx context.Context, root agents.Step) (agents.Result, error) {
	t.Helper()
	f, found := x.build(root)
	require.Empty(t, found)
	return f.Invoke(ctx, agents.Call{RunID: "run_1", AgentID: "f", Prompt: "Prompt", ClientID: "ci"})
}

func (x team) prompt(agent string, turn int) string { return x[agent].calls[turn-1].Prompt }

func agent(id string, change ...func(*agents.Step)) agents.Step {
	s := agents.Step{Type: agents.StepAgent, AgentID: id}
	for _, c := range change {
		c(&s)
	}
	return s
}

func steps(kind string, list ...agents.Step) agents.Step { return agents.Step{Type: kind, Steps: list} }

func seq(list ...agents.Step) agents.Step { return steps(agents.StepSequential, list...) }
func par(list ...agents.Step) agents.Step { return steps(agents.StepParallel, list...) }

func repeat(times int, until string, list ...agents.Step) agents.Step {
	return agents.Step{Type: agents.StepLoop, MaxIterations: times, Until: until, Steps: list}
}

func when(condition string, s agents.Step) agents.Step { s.When = condition; return s }

func otherwise(s agents.Step) agents.Step { return agents.Step{Otherwise: &s} }

func choose(other agents.Step, routes ...agents.Step) agents.Step {
	return agents.Step{Type: agents.StepRouter, Steps: routes, Otherwise: other.Otherwise}
}

func each(over string, atOnce int, list ...agents.Step) agents.Step {
	return agents.Step{Type: agents.StepForeach, Over: over, MaxParallel: atOnce, OutputKey: "list", Steps: list}
}

func assign(pairs ...string) agents.Step {
	return agents.Step{Type: agents.StepSet, Set: events(pairs...)}
}

func lenient(s agents.Step) agents.Step { s.OnError = "continue"; return s }
func response(s *agents.Step)           { s.ResponseAgent = true }
func prompt(text string) func(*agents.Step) {
	return func(s *agents.Step) { s.Prompt = text }
}
func key(k string) func(*agents.Step) { return func(s *agents.Step) { s.OutputKey = k } }

func TestEachAgentGetsWhatCameBefore(t *testing.T) {
	x := team{"a": says("A\n"), "b": says("B"), "c": says("C"), "d": says("D")}
	result, err := x.run(t, t.Context(), seq(agent("a"), par(seq(agent("b"), agent("c")), agent("d")), agent("a")))
	require.NoError(t, err)
	require.Equal(t, agents.Result{Output: "A\n", Usage: agents.Usage{PromptTokens: 5, CompletionTokens: 10, TotalTokens: 15}}, result)
	require.Equal(t, "Prompt", x.prompt("a", 1))
	require.Equal(t, "Prompt\n\n=== a ===\nA", x.prompt("b", 1))
	require.Equal(t, "Prompt\n\n=== a ===\nA\n\n=== b ===\nB", x.prompt("c", 1))
	require.Equal(t, "Prompt\n\n=== a ===\nA", x.prompt("d", 1), "a parallel step saw its neighbour")
	require.Equal(t, "Prompt\n\n=== a ===\nA\n\n=== b ===\nB\n\n=== c ===\nC\n\n=== d ===\nD", x.prompt("a", 2))
	call := x["c"].calls[0]
	require.Equal(t, [3]string{"run_1", "ci", "c"}, [3]string{call.RunID, call.ClientID, call.AgentID})
}

func TestTheAnswer(t *testing.T) {
	for _, c := range []struct {
		name string
		root agents.Step
		want string
		code string
	}{
		{"one agent", agent("a"), "A", ""},
		{"the last step", seq(agent("a"), agent("b")), "B", ""},
		{"parallel at the end", seq(agent("c"), par(agent("b"), agent("a"))), "B\n\nA", ""},
		{"a loop's last turn", repeat(2, "", agent("turns")), "two", ""},
		{"the response agent", seq(agent("a", response), agent("b")), "A", ""},
		{"within parallel", seq(par(agent("b"), agent("a", response)), agent("c")), "A", ""},
		{"within a loop", seq(repeat(2, "", agent("turns", response), agent("b")), agent("c")), "two", ""},
		{"the last step failed", seq(agent("a"), lenient(agent("down"))), "A", ""},
		{"one of parallel failed", par(agent("a"), lenient(agent("down")), agent("b")), "A\n\nB", ""},
		{"all failed", par(lenient(agent("down")), lenient(agent("down"))), "", "flow_no_answer"},
		{"the response agent failed", seq(lenient(agent("down", response)), agent("a")), "", "flow_no_answer"},
		{"empty", agent("blank"), " \n", "flow_no_answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := team{"a": says("A"), "b": says("B"), "c": says("C"), "turns": says("one", "two", "three"), "blank": says(" \n"), "down": fails(errDown)}
			result, err := x.run(t, t.Context(), c.root)
			require.Equal(t, c.want, result.Output)
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.code, problem.Of(err).Code)
			require.True(t, problem.Is(err, problem.Upstream))
		})
	}
}

func TestParallelOutputsKeepTheDeclaredOrder(t *testing.T) {
	second := make(chan struct{})
	x := team{
		"slow": {say: func(context.Context, int) (string, error) { <-second; return "slow", nil }},
		"fast": {say: func(context.Context, int) (string, error) { close(second); return "fast", nil }},
		"end":  says("end"),
	}
	_, err := x.run(t, t.Context(), seq(par(agent("slow"), agent("fast")), agent("end")))
	require.NoError(t, err)
	require.Equal(t, "Prompt\n\n=== slow ===\nslow\n\n=== fast ===\nfast", x.prompt("end", 1))
}

func TestAFailedStepEndsTheFlow(t *testing.T) {
	x := team{"a": says("A"), "down": fails(errDown), "never": says("x")}
	result, err := x.run(t, t.Context(), seq(agent("a"), agent("down"), agent("never")))
	p := problem.Of(err)
	require.Equal(t, problem.Upstream, p.Kind)
	require.Equal(t, "provider_error", p.Code)
	require.Equal(t, `The step "down" failed: The provider failed.`, p.Detail)
	require.ErrorContains(t, err, "the cause")
	require.Equal(t, agents.Result{Output: "A", Usage: agents.Usage{PromptTokens: 2, CompletionTokens: 4, TotalTokens: 6}}, result)
	require.Empty(t, x["never"].calls)
}

func TestTheFirstFailureStopsTheOthers(t *testing.T) {
	running := make(chan struct{})
	x := team{
		"waits": {say: func(ctx context.Context, _ int) (string, error) {
			close(running)
			<-ctx.Done()
			return "", ctx.Err()
		}},
		"down": {say: func(context.Context, int) (string, error) { <-running; return "", errDown }},
	}
	result, err := x.run(t, t.Context(), par(seq(lenient(agent("waits")), agent("waits")), agent("down")))
	require.Equal(t, `The step "down" failed: The provider failed.`, problem.Of(err).Detail)
	require.Equal(t, 6, result.Usage.TotalTokens, "the usage of both counts")
	require.Len(t, x["waits"].calls, 1, "it went on")
}

func TestOnErrorContinue(t *testing.T) {
	for _, c := range []struct {
		name string
		root agents.Step
		want string // what the last agent is told
	}{
		{"an agent", lenient(agent("down")), "=== down (failed) ===\nThe step \"down\" failed: The provider failed."},
		{"in parallel", par(agent("a"), lenient(agent("down")), agent("b")),
			"=== a ===\nA\n\n=== down (failed) ===\nThe step \"down\" failed: The provider failed.\n\n=== b ===\nB"},
		{"a sequence", lenient(seq(agent("a"), agent("down"), agent("b"))), "=== a ===\nA\n\n=== down (failed) ===\nThe step \"down\" failed: The provider failed."},
		{"a loop", lenient(repeat(3, "", agent("down"))), "=== down (failed) ===\nThe step \"down\" failed: The provider failed."},
		{"parallel itself", lenient(par(agent("down"))), "=== down (failed) ===\nThe step \"down\" failed: The provider failed."},
		{"an error that is no problem", lenient(agent("odd")), "=== odd (failed) ===\n" + problem.Of(errors.New("x")).Detail},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := team{"a": says("A"), "b": says("B"), "down": fails(errDown), "odd": fails(errors.New("SELECT secret")), "end": says("end")}
			_, err := x.run(t, t.Context(), seq(c.root, agent("end")))
			require.NoError(t, err)
			require.Equal(t, "Prompt\n\n"+c.want, x.prompt("end", 1))
		})
	}
}

func TestLoops(t *testing.T) {
	for _, c := range []struct {
		until string
		turns int
	}{
		{"", 4},
		{"state.critic == 'approved'", 3},
		{"outputs.critic == 'approved'", 3},
		{"state.critic.contains('no') || true", 1},
		{"has(state.other) && state.other == 1", 4},
		{"state.missing == true", 4},
		{"state.critic > 3", 4},
		{"'writer' in state", 1},
		{"size(state) == 2 && state.w == 'draft'", 1},
	} {
		t.Run(c.until, func(t *testing.T) {
			x := team{"writer": says("draft"), "critic": says("no", "still no", " approved\n", "no")}
			writer := agent("writer", key("w"))
			if strings.Contains(c.until, "'writer'") {
				writer = agent("writer", key("writer"))
			}
			_, err := x.run(t, t.Context(), repeat(4, c.until, writer, agent("critic")))
			require.NoError(t, err)
			require.Len(t, x["critic"].calls, c.turns)
		})
	}
}

func TestAnExpensiveConditionIsFalse(t *testing.T) {
	x := team{"a": says(strings.Repeat("x", 1<<20))}
	list := "[" + strings.Repeat("1,", 99) + "1]"
	expensive := fmt.Sprintf("%[1]s.all(a, %[1]s.all(b, %[1]s.all(c, %[1]s.all(d, state.k.contains('y') || a > 0))))", list)
	begin := time.Now()
	_, err := x.run(t, t.Context(), repeat(2, expensive, agent("a", key("k"))))
	require.NoError(t, err)
	require.Len(t, x["a"].calls, 2)
	require.Less(t, time.Since(begin), 20*time.Second)
}

func TestStateOfParallelSteps(t *testing.T) {
	x := team{"a": says("1", "2", "2"), "b": says("2", "1", "1"), "c": says("old", "new")}
	_, err := x.run(t, t.Context(), repeat(9, "state.k == '1' && state.c == 'new'",
		agent("c", key("c")), par(agent("a", key("k")), agent("b", key("k")), agent("a", key("other")))))
	require.NoError(t, err)
	require.Len(t, x["b"].calls, 2, "the later step's value did not win, or an older one came back")
}

func TestAFlowInAFlow(t *testing.T) {
	x := team{"a": says("A"), "down": fails(errDown)}
	inner, found := x.build(seq(agent("a"), lenient(agent("down")), agent("a")))
	require.Empty(t, found)
	broken, _ := x.build(agent("down"))
	outer, found := flow.New()(agents.Flow{ID: "outer", Root: seq(agent("inner", key("k")), agent("broken"))}, func(id string) *agents.Entry {
		return &agents.Entry{ID: id, Timeout: time.Minute, IsFlow: true, Invoker: map[string]agents.Invoker{"inner": inner, "broken": broken}[id]}
	})
	require.Empty(t, found)
	result, err := outer.Invoke(t.Context(), agents.Call{Prompt: "Prompt"})
	require.Equal(t, "A", result.Output)
	require.Equal(t, 12, result.Usage.TotalTokens)
	require.Equal(t, `The step "broken" failed: The step "down" failed: The provider failed.`, problem.Of(err).Detail)
	require.Equal(t, "Prompt\n\n=== inner ===\nA", x.prompt("down", 2), "the outer flow sees the inner one's answer alone")
}

func TestTimes(t *testing.T) {
	hasty := func(x team, timeout time.Duration, root agents.Step) agents.Invoker {
		f, found := flow.New()(agents.Flow{ID: "f", Root: root}, func(id string) *agents.Entry {
			return &agents.Entry{ID: id, Timeout: timeout, Invoker: x[id]}
		})
		require.Empty(t, found)
		return f
	}
	t.Run("an agent's", func(t *testing.T) {
		_, err := hasty(team{"slow": waits()}, time.Millisecond, agent("slow")).Invoke(t.Context(), agents.Call{})
		require.True(t, problem.Is(err, problem.Expired))
		require.Equal(t, "agent_timeout", problem.Of(err).Code)
		require.Contains(t, problem.Of(err).Detail, `The step "slow" failed: It did not answer within 1ms.`)
	})
	t.Run("an agent's, and on", func(t *testing.T) {
		result, err := hasty(team{"slow": waits(), "a": says("A")}, time.Millisecond, seq(lenient(agent("slow")), agent("a"))).Invoke(t.Context(), agents.Call{})
		require.NoError(t, err)
		require.Equal(t, "A", result.Output)
	})
	t.Run("the flow's", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		x := team{"slow": waits(), "never": says("x")}
		_, err := hasty(x, time.Minute, par(seq(lenient(agent("slow")), agent("never")))).Invoke(ctx, agents.Call{})
		require.Equal(t, "agent_timeout", problem.Of(err).Code)
		require.Contains(t, problem.Of(err).Detail, `The flow "f" exceeded its timeout`)
		require.Empty(t, x["never"].calls)
	})
	t.Run("the flow's, with a problem as cause", func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, problem.New(problem.Expired, "wait_timeout", "x"))
		defer cancel()
		_, err := hasty(team{"slow": waits()}, time.Minute, agent("slow")).Invoke(ctx, agents.Call{})
		require.Equal(t, "wait_timeout", problem.Of(err).Code)
	})
}

func TestCancellingEndsEverything(t *testing.T) {
	because := errors.New("the caller hung up")
	ctx, cancel := context.WithCancelCause(t.Context())
	var running, ended sync.WaitGroup
	running.Add(3)
	ended.Add(3)
	x := team{"w": {say: func(ctx context.Context, _ int) (string, error) {
		running.Done()
		<-ctx.Done()
		ended.Done()
		return "", ctx.Err()
	}}}
	go func() { running.Wait(); cancel(because) }()
	_, err := x.run(t, ctx, par(agent("w"), lenient(agent("w")), seq(par(agent("w")), agent("w"))))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, because)
	ended.Wait() // Invoke has waited for them already; goleak sees to the rest
	require.Len(t, x["w"].calls, 3)
}

func TestNothingBeginsAfterTheEnd(t *testing.T) {
	for name, root := range map[string]agents.Step{
		"the next step":           seq(agent("a"), agent("never")),
		"the next turn":           repeat(2, "", agent("a")),
		"a lenient one, the last": seq(agent("a"), lenient(agent("never"))),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			x := team{"never": says("x"), "a": {say: func(context.Context, int) (string, error) { cancel(); return "A", nil }}}
			result, err := x.run(t, ctx, root)
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, "A", result.Output)
			require.Len(t, x["a"].calls, 1)
			require.Empty(t, x["never"].calls)
		})
	}
}

func TestAPanicInParallelIsAnError(t *testing.T) {
	x := team{"a": waits(), "p": {say: func(context.Context, int) (string, error) { panic("ouch") }}}
	_, err := x.run(t, t.Context(), par(agent("a"), agent("p")))
	require.ErrorContains(t, err, "ouch")
	require.Equal(t, problem.Internal, problem.Of(err).Kind)
}

func TestTheTextIsBounded(t *testing.T) {
	big := says(strings.Repeat("x", 3<<20))
	for name, c := range map[string]struct {
		root  agents.Step
		calls int
	}{
		"in order": {seq(agent("big"), agent("big"), agent("big")), 2},
		"parallel": {par(agent("big"), agent("big"), agent("big")), 3},
		"a loop":   {repeat(9, "", agent("big")), 2},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := team{"big": big}.run(t, t.Context(), c.root)
			require.Equal(t, "flow_output_too_large", problem.Of(err).Code)
			require.True(t, problem.Is(err, problem.Upstream))
			require.Equal(t, 3*c.calls, result.Usage.TotalTokens)
		})
	}
	f, _ := team{"a": says("A")}.build(seq(agent("a"), agent("a")))
	_, err := f.Invoke(t.Context(), agents.Call{Prompt: strings.Repeat("p", 8<<20)})
	require.NoError(t, err, "a long prompt is the caller's own")
}

func TestWhatIsWrongAtLoad(t *testing.T) {
	for _, c := range []struct {
		name, path, message string
		root                agents.Step
	}{
		{"syntax", "root.until", "CEL", repeat(1, "state.x ==", agent("a"))},
		{"an unknown variable", "root.steps[1].until", "there is no stat;", seq(agent("a"), repeat(1, "stat.x == 1", agent("a")))},
		{"not a bool", "root.until", "not string", repeat(1, "'yes'", agent("a"))},
		{"a bare value", "root.until", "compare it", repeat(1, "state.done", agent("a"))},
		{"types", "root.until", "CEL", repeat(1, "outputs.x == 1", agent("a"))},
		{"too long", "root.until", "size", repeat(1, "true || "+strings.Repeat("true || ", 1000)+"true", agent("a"))},
		{"two response agents", "root.steps[1].steps[0].responseAgent", "root.steps[0]", seq(agent("a", response), par(agent("a", response)))},
		{"an unknown agent", "root.agentId", "nobody", agent("nobody")},
	} {
		t.Run(c.name, func(t *testing.T) {
			invoker, found := team{"a": says("A")}.build(c.root)
			require.Nil(t, invoker)
			require.Len(t, found, 1)
			require.Equal(t, c.path, found[0].Path)
			require.Contains(t, found[0].Message, c.message)
			require.NotContains(t, found[0].Message, "\n")
		})
	}
}
