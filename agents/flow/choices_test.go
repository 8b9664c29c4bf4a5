package flow_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/flow"
	"beckon/internal/problem"
)

// invoke runs a flow, and returns its nodes as "id status via" in the order of their ends.
func (x team) invoke(t *testing.T, root agents.Step, call agents.Call) (agents.Result, []string, error) {
	t.Helper()
	f, found := x.build(root)
	require.Empty(t, found)
	r := &record{}
	call.Progress = r
	result, err := f.Invoke(t.Context(), call)
	var story []string
	for _, n := range r.ended {
		story = append(story, strings.TrimSpace(strings.Join([]string{n.ID, string(n.Status), n.Via}, " ")))
	}
	return result, story, err
}

func TestARouterRunsOneStep(t *testing.T) {
	root := seq(agent("first", key("kind")), choose(otherwise(agent("other")),
		when("outputs.kind == 'bug'", seq(agent("engineer"), agent("writer"))),
		when("input.plan == 'paid' || metadata.vip", agent("manager")),
		when("state.missing.deeply > 1", agent("never"))))
	for name, tt := range map[string]struct {
		kind, prompt, metadata string
		want                   []string
		output                 string
	}{
		"the first":     {"bug", `{"plan":"paid"}`, "", []string{"engineer COMPLETED outputs.kind == 'bug'", "writer COMPLETED outputs.kind == 'bug'"}, "W"},
		"the second":    {"praise", `{"plan":"paid"}`, "", []string{"manager COMPLETED input.plan == 'paid' || metadata.vip"}, "M"},
		"by metadata":   {"praise", "text", `{"vip":true}`, []string{"manager COMPLETED input.plan == 'paid' || metadata.vip"}, "M"},
		"none of them":  {"praise", "text", `{"vip":false}`, []string{"other COMPLETED otherwise"}, "O"},
		"missing names": {"", "text", "", []string{"other COMPLETED otherwise"}, "O"},
	} {
		t.Run(name, func(t *testing.T) {
			x := team{"first": says(tt.kind), "engineer": says("E"), "writer": says("W"), "manager": says("M"), "never": says("N"), "other": says("O")}
			result, story, err := x.invoke(t, root, agents.Call{Prompt: tt.prompt, Metadata: []byte(tt.metadata)})
			require.NoError(t, err)
			require.Equal(t, append([]string{"first COMPLETED"}, tt.want...), story)
			require.Equal(t, tt.output, result.Output)
		})
	}
}

func TestARouterThatChoosesNothing(t *testing.T) {
	x := team{"a": says("A"), "b": says("B")}
	result, story, err := x.invoke(t, seq(agent("a"), choose(agents.Step{}, when("state.x == 1", agent("b")))), agents.Call{Prompt: "P"})
	require.NoError(t, err)
	require.Equal(t, []string{"a COMPLETED"}, story)
	require.Equal(t, "A", result.Output, "what was there before is the answer")

	_, _, err = x.invoke(t, choose(agents.Step{}, when("false", agent("b"))), agents.Call{Prompt: "P"})
	require.Equal(t, problem.CodeFlowNoAnswer, problem.Of(err).Code)
}

func TestNodesNameAllRoutesToThem(t *testing.T) {
	x := team{"a": says("A")}
	inner, found := x.build(choose(otherwise(agent("a")), when("state.x == 1", agent("a"))))
	require.Empty(t, found)
	f, found := flow.New()(agents.Flow{ID: "g", Root: choose(agents.Step{}, when("prompt == 'P'", choose(agents.Step{}, when("1 < "+strings.Repeat("1+", 200)+"1", agent("inner")))))},
		func(id string) *agents.Entry {
			return &agents.Entry{ID: id, IsFlow: true, Timeout: time.Minute, Invoker: inner}
		})
	require.Empty(t, found)
	r := &record{}
	_, err := f.Invoke(t.Context(), agents.Call{Prompt: "P", Progress: r})
	require.NoError(t, err)
	require.Len(t, r.ended, 1)
	require.Regexp(t, `^prompt == 'P' → 1 < (1\+){98}… → otherwise$`, r.ended[0].Via)
}

// Each way of a router may have the response agent; where the chosen one has none, the last output is the answer.
func TestTheAnswerOfARouter(t *testing.T) {
	root := seq(choose(otherwise(agent("c")), when("prompt == 'a'", seq(agent("a", response), agent("c"))), when("prompt == 'b'", seq(agent("b", response), agent("c")))), agent("d"))
	for call, want := range map[string]string{"a": "A", "b": "B", "c": "D"} {
		x := team{"a": says("A"), "b": says("B"), "c": says("C"), "d": says("D")}
		var text string
		result, _, err := x.invoke(t, root, agents.Call{Prompt: call, Text: func(piece string) { text += piece }})
		require.NoError(t, err)
		require.Equal(t, want, result.Output)
		require.Equal(t, want, text)
	}
}

// What the step that a router chooses writes is passed on at once, as it is the answer.
func TestTheChosenStepStreams(t *testing.T) {
	piece := make(chan string)
	w := &fake{say: func(context.Context, int) (string, error) { return "AB", nil }}
	root := seq(agent("a"), choose(otherwise(agent("b")), when("false", agent("a"))))
	f, found := flow.New()(agents.Flow{ID: "f", Root: root}, func(id string) *agents.Entry {
		return &agents.Entry{ID: id, Timeout: time.Minute, Invoker: invoker(func(ctx context.Context, call agents.Call) (agents.Result, error) {
			if id == "a" {
				require.Nil(t, call.Text)
				return w.Invoke(ctx, call)
			}
			call.Text("A")
			require.Equal(t, "A", <-piece)
			return w.Invoke(ctx, call)
		})}
	})
	require.Empty(t, found)
	_, err := f.Invoke(t.Context(), agents.Call{Prompt: "P", Text: func(p string) { go func() { piece <- p }() }})
	require.NoError(t, err)
}

type invoker func(context.Context, agents.Call) (agents.Result, error)

func (i invoker) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	return i(ctx, call)
}

func TestForeachRunsItsStepsForEachItem(t *testing.T) {
	x := team{"plan": says(`{"tickets":[{"id":"T1","text":"slow"},{"id":"T2","text":"down"}]}`), "writer": says("W"), "last": says("L")}
	x["writer"].say = func(_ context.Context, turn int) (string, error) {
		return fmt.Sprintf(" answer to %s\n", x["writer"].calls[turn-1].Prompt[:2]), nil
	}
	s := each("fromJson(outputs.plan).tickets", 0, agent("writer", prompt("{{ .ticket.id }} {{ .item.text }} {{ .index }} {{ .state.plan | truncate 3 }}")))
	s.As = "ticket"
	result, story, err := x.invoke(t, seq(agent("plan", key("plan")), s, agent("last")), agents.Call{Prompt: "P"})
	require.NoError(t, err)
	require.Equal(t, "L", result.Output)
	require.Equal(t, []string{"plan COMPLETED", "writer[1] COMPLETED", "writer[2] COMPLETED", "last COMPLETED"}, story)
	require.Equal(t, []string{"T1 slow 1 {\"t", "T2 down 2 {\"t"}, []string{x.prompt("writer", 1), x.prompt("writer", 2)})
	last := x["last"].calls[0]
	require.Equal(t, []any{"answer to T1", "answer to T2"}, last.State["list"])
	require.Equal(t, `["answer to T1","answer to T2"]`, last.Outputs["list"])
	require.NotContains(t, last.State, "ticket")
	require.True(t, strings.HasSuffix(last.Prompt, "\n\n=== ticket 1 ===\n{\"id\":\"T1\",\"text\":\"slow\"}\n\n=== writer ===\nanswer to T1"+
		"\n\n=== ticket 2 ===\n{\"id\":\"T2\",\"text\":\"down\"}\n\n=== writer ===\nanswer to T2"), last.Prompt)
}

func TestItemsDoNotSeeEachOther(t *testing.T) {
	for _, atOnce := range []int{1, 2} {
		x := team{"a": says("A"), "b": says("B")}
		result, story, err := x.invoke(t, each("['x', 'y']", atOnce, agent("a", key("k")), agent("b")), agents.Call{Prompt: "P"})
		require.NoError(t, err)
		require.Equal(t, "B\n\nB", result.Output)
		require.Len(t, story, 4)
		seen := map[string]bool{}
		for _, call := range x["b"].calls {
			seen[call.Prompt] = true
		}
		require.Equal(t, map[string]bool{"P\n\n=== item 1 ===\nx\n\n=== a ===\nA": true, "P\n\n=== item 2 ===\ny\n\n=== a ===\nA": true}, seen)
	}
}

func TestAnEmptyList(t *testing.T) {
	x := team{"a": says("A"), "b": says("B"), "c": says("C")}
	result, story, err := x.invoke(t, seq(agent("a"), each("[]", 3, agent("b")), agent("c")), agents.Call{Prompt: "P"})
	require.NoError(t, err)
	require.Equal(t, "C", result.Output)
	require.Equal(t, []string{"a COMPLETED", "c COMPLETED"}, story)
	require.Equal(t, []any{}, x["c"].calls[0].State["list"])
	require.Equal(t, "[]", x["c"].calls[0].Outputs["list"])
}

func TestSoManyItemsAtOnce(t *testing.T) {
	const items, atOnce = 12, 3
	var running, most atomic.Int32
	full := make(chan struct{})
	a := &fake{say: func(context.Context, int) (string, error) {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == atOnce {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		<-full // until so many are there
		return "A", nil
	}}
	s := each("input", atOnce, agent("a"))
	x := team{"a": a}
	result, story, err := x.invoke(t, s, agents.Call{Prompt: "[1,2,3,4,5,6,7,8,9,10,11,12]"})
	require.NoError(t, err)
	require.Len(t, story, items)
	require.EqualValues(t, atOnce, most.Load())
	require.Equal(t, strings.TrimSuffix(strings.Repeat("A\n\n", items), "\n\n"), result.Output)
}

func TestAnItemFails(t *testing.T) {
	broken := func() team {
		x := team{"c": says("C")}
		x["a"] = &fake{say: func(ctx context.Context, turn int) (string, error) {
			x["a"].mu.Lock()
			item := x["a"].calls[turn-1].Items["item"]
			x["a"].mu.Unlock()
			if item == "bad" {
				return "", errDown
			}
			return fmt.Sprint(item), nil
		}}
		return x
	}
	s := each("['x', 'bad', 'y']", 1, agent("a"), agent("c", key("k"), prompt("{{ .item }}")))
	_, story, err := broken().invoke(t, s, agents.Call{Prompt: "P"})
	require.Equal(t, `The step "a" failed: The provider failed.`, problem.Of(err).Detail)
	require.Equal(t, []string{"a[1] COMPLETED", "c[1] COMPLETED", "a[2] FAILED"}, story, "items after one that has failed are not begun")

	x := broken()
	result, _, err := x.invoke(t, seq(lenient(s), agent("c")), agents.Call{Prompt: "P"})
	require.NoError(t, err)
	require.Equal(t, "C", result.Output)
	call := x["c"].calls[len(x["c"].calls)-1]
	require.Equal(t, []any{"C", nil, "C"}, call.State["list"])
	require.Equal(t, `["C",null,"C"]`, call.Outputs["list"])
	require.Contains(t, call.Prompt, "=== item 2 ===\nbad\n\n=== a (failed) ===\nThe step \"a\" failed: The provider failed.\n\n=== item 3 ===")

	x = broken()
	_, _, err = x.invoke(t, seq(each("['bad']", 1, lenient(agent("a"))), agent("c")), agents.Call{Prompt: "P"})
	require.NoError(t, err)
	require.Equal(t, []any{""}, x["c"].calls[0].State["list"], "the item has not failed, one of its steps has")
}

func TestAFailureStopsTheOtherItems(t *testing.T) {
	var begun sync.WaitGroup
	begun.Add(2)
	x := team{"a": {say: func(ctx context.Context, turn int) (string, error) {
		begun.Done()
		begun.Wait()
		if turn == 1 {
			return "", errDown
		}
		<-ctx.Done()
		return "", ctx.Err()
	}}}
	_, story, err := x.invoke(t, each("[1, 2, 3, 4]", 2, agent("a")), agents.Call{Prompt: "P"})
	require.Equal(t, "provider_error", problem.Of(err).Code)
	require.Len(t, story, 2)
	require.Len(t, x["a"].calls, 2)
}

func TestCancelingAForeach(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	x := team{"a": {say: func(ctx context.Context, turn int) (string, error) {
		if turn == 2 {
			cancel()
		}
		return "A", ctx.Err()
	}}}
	_, err := x.run(t, ctx, lenient(each("[1, 2, 3]", 1, agent("a"))))
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, x["a"].calls, 2)
}

func TestLeavingALoopFromAnItem(t *testing.T) {
	a := &fake{say: func(context.Context, int) (string, error) { return "A", nil }}
	x := team{"a": a, "b": says("B")}
	f, found := flow.New()(agents.Flow{ID: "f", Root: repeat(5, "", each("[1, 2]", 2, agent("a"), agent("b")))}, func(id string) *agents.Entry {
		return &agents.Entry{ID: id, Timeout: time.Minute, Invoker: invoker(func(ctx context.Context, call agents.Call) (agents.Result, error) {
			if id == "a" && call.Items["index"] == 1 {
				for _, tool := range call.Tools {
					if tool.Name == "exit_loop" {
						if _, err := tool.Use(ctx, []byte("{}")); err != nil {
							return agents.Result{}, err
						}
					}
				}
			}
			return x[id].Invoke(ctx, call)
		})}
	})
	require.Empty(t, found)
	_, err := f.Invoke(t.Context(), agents.Call{Prompt: "P"})
	require.NoError(t, err)
	require.Len(t, a.calls, 2, "the loop ends once all items have")
	require.Len(t, x["b"].calls, 1)
}

func TestSetPutsValuesIntoTheState(t *testing.T) {
	x := team{"a": says(`{"kind":"bug","tags":["x","y"]}`), "b": says("B")}
	_, _, err := x.invoke(t, seq(agent("a", key("triage")), assign("n", "1", "kind", "fromJson(outputs.triage).kind", "who", "metadata.user.name"),
		assign("n", "state.n + 1.0", "old", "state.n", "tags", "fromJson(outputs.triage).tags.map(t, {'name': t})", "none", "null"), agent("b")),
		agents.Call{Prompt: "P", Metadata: []byte(`{"user":{"name":"Ada"}}`)})
	require.NoError(t, err)
	state := x["b"].calls[0].State
	delete(state, "triage")
	require.Equal(t, map[string]any{"n": 2.0, "old": 1.0, "kind": "bug", "who": "Ada", "none": nil, "tags": []any{map[string]any{"name": "x"}, map[string]any{"name": "y"}}}, state)
}

// An answer that has a schema is JSON in the state, so that conditions and lists can be made of it; it stays a text in outputs.
func TestAnAnswerWithASchemaIsJSONInTheState(t *testing.T) {
	seen := map[string]agents.Call{}
	f, found := flow.New()(agents.Flow{ID: "f", Root: seq(agent("plan", key("plan")), choose(agents.Step{}, when("state.plan.kind == 'list'", each("state.plan.items", 1, agent("plan")))), agent("last"))},
		func(id string) *agents.Entry {
			return &agents.Entry{ID: id, Timeout: time.Minute, Invoker: invoker(func(_ context.Context, call agents.Call) (agents.Result, error) {
				seen[id] = call
				return agents.Result{Output: ` {"kind":"list","items":[1,2]}`, By: agents.Answerer{IsData: id == "plan"}}, nil
			})}
		})
	require.Empty(t, found)
	_, err := f.Invoke(t.Context(), agents.Call{Prompt: "P"})
	require.NoError(t, err)
	plan := map[string]any{"kind": "list", "items": []any{1.0, 2.0}}
	require.Equal(t, map[string]any{"plan": plan, "list": []any{plan, plan}}, seen["last"].State)
	require.Equal(t, `{"kind":"list","items":[1,2]}`, seen["last"].Outputs["plan"])
}

func TestAStepWithoutAnAgentFails(t *testing.T) {
	big := "'" + strings.Repeat("x", 4000) + "'"
	for name, tt := range map[string]struct {
		root         agents.Step
		code, detail string
	}{
		"no such key":      {assign("x", "state.y"), "flow_expression_failed", "The step root.steps[1] (set) failed: Its expression set.x has no value: no such key: y."},
		"not JSON":         {assign("x", "fromJson(outputs.a)"), "flow_expression_failed", "The step root.steps[1] (set) failed: Its expression set.x has no value: fromJson was given a text that is not JSON."},
		"not a list":       {each("state.a", 1, agent("a")), "flow_expression_failed", "The step root.steps[1] (foreach) failed: Its expression over is not a list."},
		"too many items":   {agents.Step{Type: "foreach", Over: "[1, 2, 3]", MaxItems: 2, Steps: []agents.Step{agent("a")}}, "flow_expression_failed", "The step root.steps[1] (foreach) failed: Its list has 3 items; maxItems allows 2."},
		"more than usual":  {each("input", 1, agent("a")), "flow_expression_failed", "The step root.steps[1] (foreach) failed: Its list has 101 items; maxItems allows 100."},
		"too large a set":  {repeat(20, "", assign("x", "has(state.x) ? state.x + state.x : "+big)), "flow_state_too_large", "The step root.steps[1].steps[0] (set) failed: The state would be larger than 1024 KiB or 1000 keys. Keep less."},
		"too many answers": {each("[1, 2, 3]", 1, agent("big")), "flow_output_too_large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			x := team{"a": says("A"), "big": says(strings.Repeat("x", 2<<20)), "c": says("C")}
			call := agents.Call{Prompt: "[" + strings.Repeat("1,", 100) + "1]"}
			_, _, err := x.invoke(t, seq(agent("a", key("a")), tt.root), call)
			require.Equal(t, tt.code, problem.Of(err).Code)
			require.True(t, problem.Is(err, problem.Upstream))
			require.Contains(t, problem.Of(err).Detail, tt.detail)
			if name == "too many answers" {
				return
			}
			_, _, err = x.invoke(t, seq(agent("a", key("a")), lenient(tt.root), agent("c")), call)
			require.NoError(t, err)
			require.Contains(t, x.prompt("c", 1), " (failed) ===\n"+tt.detail)
		})
	}
}

func TestWhatIsWrongWithAChoiceAtLoad(t *testing.T) {
	named := each("[1]", 1, agent("a"))
	named.As = "ticket"
	within := func(s agents.Step) agents.Step {
		outer := named
		outer.Steps = []agents.Step{s}
		return outer
	}
	for _, c := range []struct {
		name, path, message string
		root                agents.Step
	}{
		{"when", "root.steps[0].when", "there is no stat;", choose(agents.Step{}, when("stat.x", agent("a")))},
		{"when, not a bool", "root.steps[0].when", "compare it", choose(agents.Step{}, when("state.x", agent("a")))},
		{"no item here", "root.steps[0].when", "there is no item;", choose(agents.Step{}, when("item == 1", agent("a")))},
		{"another item", "root.steps[0].steps[0].when", "there is no tickets; there are item, index,", within(choose(agents.Step{}, when("tickets == 1", agent("a"))))},
		{"until of an item", "root.steps[0].until", "there is no tickets;", within(repeat(1, "tickets == 1", agent("a")))},
		{"over", "root.over", "it ends too early", each("[1] + ", 1, agent("a"))},
		{"over, not a list", "root.over", "must be a list, not map(string, dyn)", each("state", 1, agent("a"))},
		{"over its own item", "root.over", "there is no item;", each("[item]", 1, agent("a"))},
		{"set", "root.steps[1].set.x", "size is not for values of these types", seq(agent("a"), assign("x", "size(1)"))},
		{"an agent behind otherwise", "root.otherwise.agentId", "nobody", choose(otherwise(agent("nobody")), when("true", agent("a")))},
		{"two response agents", "root.steps[1].responseAgent", "root.steps[0].otherwise is already", seq(choose(otherwise(agent("a", response)), when("true", agent("a", response))), agent("a", response))},
	} {
		t.Run(c.name, func(t *testing.T) {
			invoker, found := team{"a": says("A")}.build(c.root)
			require.Nil(t, invoker)
			require.Len(t, found, 1)
			require.Equal(t, c.path, found[0].Path)
			require.Contains(t, found[0].Message, c.message)
		})
	}
	_, found := team{"a": says("A")}.build(within(choose(agents.Step{}, when("ticket == item && index > 0", agent("a")))))
	require.Empty(t, found)
}
