package flow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/flow"
	"beckon/internal/problem"
)

// worker is an agent that uses tools; its work gets the turn, from 1.
type worker struct {
	turn int
	work func(u *use)
}

// use is one turn of a worker.
type use struct {
	turn   int
	call   agents.Call
	output string
	err    error
}

func (w *worker) Invoke(_ context.Context, call agents.Call) (agents.Result, error) {
	w.turn++
	u := use{turn: w.turn, call: call, output: "done"}
	w.work(&u)
	return agents.Result{Output: u.output}, u.err
}

// tool uses the tool of that name; what it is told comes back, with "error: " in front of an error.
func (u *use) tool(name, arguments string) string {
	for _, tool := range u.call.Tools {
		if tool.Name == name {
			said, err := tool.Use(context.Background(), json.RawMessage(arguments))
			if err != nil {
				return "error: " + err.Error()
			}
			return said
		}
	}
	return "no such tool"
}

func (u *use) set(key, value string) string {
	return u.tool("set_state", fmt.Sprintf(`{"key":%q,"value":%s}`, key, value))
}

// crew runs a flow whose agents all do the same; the one that is called plain takes no tools.
func crew(t *testing.T, root agents.Step, do func(id string, u *use)) (*record, error) {
	t.Helper()
	var mu sync.Mutex
	workers := map[string]*worker{}
	f, found := flow.New()(agents.Flow{ID: "f", Root: root}, func(id string) *agents.Entry {
		if workers[id] == nil {
			workers[id] = &worker{work: func(u *use) { mu.Lock(); defer mu.Unlock(); do(id, u) }}
		}
		return &agents.Entry{ID: id, Timeout: time.Minute, Invoker: workers[id], NoTools: id == "plain"}
	})
	require.Empty(t, found)
	r := &record{}
	_, err := f.Invoke(t.Context(), agents.Call{Prompt: "Prompt", Progress: r})
	return r, err
}

// work is for flows in which only the agent w does anything; the agent down fails.
func work(t *testing.T, root agents.Step, do func(u *use)) (*record, error) {
	t.Helper()
	return crew(t, root, func(id string, u *use) {
		switch id {
		case "w":
			do(u)
		case "down":
			u.err = errDown
		}
	})
}

func TestState(t *testing.T) {
	r, err := work(t, seq(agent("w"), agent("w")), func(u *use) {
		if u.turn == 1 {
			require.Equal(t, "{}", u.tool("get_state", ""))
			require.Equal(t, "Kept.", u.set("list", `[1, {"a": null}]`))
			require.Equal(t, `[1,{"a":null}]`, u.tool("get_state", `{"key":"list"}`))
			require.Equal(t, "Kept.", u.set("ok", "true"))
			require.Equal(t, "Kept.", u.set("ok", "false"))
			require.Empty(t, u.call.State, "a call's state is that of its beginning")
			return
		}
		require.Equal(t, map[string]any{"list": []any{1.0, map[string]any{"a": nil}}, "ok": false}, u.call.State)
		require.Equal(t, `{"list":[1,{"a":null}],"ok":false}`, u.tool("get_state", `{}`))
		require.Empty(t, u.call.Outputs)
	})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"list": []any{1.0, map[string]any{"a": nil}}, "ok": false}, r.ended[0].State)
	require.Nil(t, r.ended[1].State)
}

func TestWhatToolsRefuse(t *testing.T) {
	_, err := work(t, agent("w"), func(u *use) {
		for arguments, want := range map[string]string{
			"":                          "the arguments must be an object",
			"[]":                        "the arguments must be an object",
			`{"key":"x"`:                "the arguments must be an object",
			`{"key":1,"value":1}`:       "the arguments must be an object",
			`{"value":1}`:               "key must be a text of 1 to 128 bytes",
			`{"key":"","value":1}`:      "key must be a text of 1 to 128 bytes",
			`{"key":"x"}`:               "value is missing",
			`{"key":"x","value":1e999}`: "value must be JSON",
			`{"key":"` + strings.Repeat("k", 129) + `","value":1}`:                            "key must be a text of 1 to 128 bytes",
			`{"key":"x","value":"` + strings.Repeat("x", 1<<20) + `"}`:                        "the state would be larger than the 1024 KiB",
			`{"key":"x","value":` + strings.Repeat("[", 1e5) + strings.Repeat("]", 1e5) + "}": "the arguments must be an object",
		} {
			require.Contains(t, u.tool("set_state", arguments), "error: "+want)
		}
		require.Equal(t, "Kept.", u.set("nothing", "null"))
		require.Equal(t, "null", u.tool("get_state", `{"key":"nothing"}`))
		require.Equal(t, `error: nothing is kept under "x"; there is nothing`, u.tool("get_state", `{"key":"x"}`))
		require.Contains(t, u.tool("get_state", `"x"`), "error: the arguments")
		require.Equal(t, "no such tool", u.tool("exit_loop", "{}"), "there is no loop")
	})
	require.NoError(t, err)
}

func TestStateIsBounded(t *testing.T) {
	half := `"` + strings.Repeat("x", 600<<10) + `"`
	t.Run("in size", func(t *testing.T) {
		_, err := work(t, seq(agent("w"), agent("w")), func(u *use) {
			require.Equal(t, "Kept.", u.set("a", half))
			require.Contains(t, u.set("b", half), "error: the state would be larger")
			require.Equal(t, "Kept.", u.set("a", half), "what is replaced does not count")
		})
		require.NoError(t, err)
	})
	t.Run("in keys", func(t *testing.T) {
		_, err := work(t, seq(agent("w"), agent("w")), func(u *use) {
			for i := range 1000 {
				require.Equal(t, "Kept.", u.set(fmt.Sprint("k", i), "1"))
			}
			require.Equal(t, "error: the state has 1000 keys and may have no more: set one of those again", u.set("more", "1"))
			require.Contains(t, u.tool("get_state", `{"key":"x"}`), ", …")
		})
		require.NoError(t, err)
	})
	t.Run("of steps in parallel together", func(t *testing.T) {
		_, err := work(t, seq(agent("w"), par(agent("w"))), func(u *use) { u.set(fmt.Sprint("k", u.turn), `"`+strings.Repeat("x", 500<<10)+`"`) })
		require.NoError(t, err)
		both := par(agent("v"), agent("w"))
		_, err = crew(t, both, func(id string, u *use) { require.Equal(t, "Kept.", u.set(id, half)) })
		require.Equal(t, "flow_state_too_large", problem.Of(err).Code)
	})
}

func TestAnAgentThatFailsLeavesNothingBehind(t *testing.T) {
	r, err := work(t, repeat(2, "", lenient(agent("w"))), func(u *use) {
		require.Empty(t, u.call.State)
		u.set("x", "1")
		u.tool("exit_loop", "{}")
		u.output, u.err = "half", errDown
		if u.turn == 2 {
			u.err = nil
		}
	})
	require.NoError(t, err)
	require.Equal(t, []string{"w#1 FAILED provider_error", "w#2 COMPLETED"}, r.story())
	require.Nil(t, r.ended[0].State)
	require.False(t, r.ended[0].LeavesLoop)
	require.Equal(t, "half", r.ended[0].Output, "what there was until then is on record")
	require.True(t, r.ended[1].LeavesLoop)
}

func TestExitLoop(t *testing.T) {
	exit := func(turn int) func(*use) {
		return func(u *use) {
			if u.turn == turn {
				require.Contains(t, u.tool("exit_loop", ""), "when you have answered")
			}
		}
	}
	for _, c := range []struct {
		name string
		root agents.Step
		turn int
		want string
	}{
		{"in the first turn", seq(repeat(5, "", agent("w"), agent("a")), agent("b")), 1, "w#1 b"},
		{"in the last", seq(repeat(2, "", agent("w"), agent("a")), agent("b")), 2, "w#1 a#1 w#2 b"},
		{"the innermost", seq(repeat(2, "", repeat(2, "", agent("w"), agent("a")), agent("b"))), 2, "w#1.1 a#1.1 w#1.2 b#1 w#2.1 a#2.1 w#2.2 a#2.2 b#2"},
		{"through sequences", repeat(5, "", seq(seq(agent("w")), agent("a")), agent("b")), 1, "w#1"},
		{"beside others", seq(repeat(5, "", par(seq(agent("w"), agent("b"))), agent("a")), agent("a")), 1, "w#1 a-2"},
		{"a loop that bears failures", seq(lenient(repeat(5, "", agent("w"), agent("a"))), agent("b")), 1, "w#1 b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := work(t, c.root, exit(c.turn))
			require.NoError(t, err)
			var ids []string
			for _, n := range r.ended {
				ids = append(ids, n.ID)
			}
			require.Equal(t, c.want, strings.Join(ids, " "))
		})
	}
}

// Whoever wants to leave a loop that fails at the same time has not left what is around it.
func TestExitFromALoopThatFails(t *testing.T) {
	asked := make(chan struct{})
	var x team
	x = team{"b": says("B"),
		"w": {say: func(context.Context, int) (string, error) {
			for _, tool := range x["w"].calls[0].Tools {
				_, _ = tool.Use(context.Background(), nil)
			}
			close(asked)
			return "W", nil
		}},
		"down": {say: func(context.Context, int) (string, error) { <-asked; return "", errDown }}}
	var r record
	_, err := x.nest(t, seq(lenient(repeat(5, "", par(agent("w"), agent("down")))), agent("b"), agent("b")), nil).Invoke(t.Context(), agents.Call{Prompt: "P", Progress: &r})
	require.NoError(t, err)
	require.Contains(t, r.story(), "down#1 FAILED provider_error")
	require.Equal(t, []string{"b COMPLETED", "b-2 COMPLETED"}, r.story()[2:])
}

func TestStateDecidesALoop(t *testing.T) {
	for until, turns := range map[string]int{
		"state.approved == true":          3,
		"state.n == 2":                    2,
		"state.n >= 2 && state.n < 3":     2,
		"state.deep.list[0] == 'x'":       1,
		"has(state.approved)":             3,
		"state.n == 'two'":                5,
		"state.approved == 'true'":        5,
		"'n' in outputs":                  5,
		"size(outputs) == 0 && state.n>0": 1,
	} {
		r, err := work(t, repeat(5, until, agent("w")), func(u *use) {
			u.set("n", fmt.Sprint(u.turn))
			u.set("deep", `{"list":["x"]}`)
			if u.turn == 3 {
				u.set("approved", "true")
			}
		})
		require.NoError(t, err)
		require.Len(t, r.ended, turns, until)
	}
}

func TestStateOfForks(t *testing.T) {
	seen := map[string]map[string]any{}
	_, err := crew(t, seq(agent("s"), par(seq(agent("v"), agent("x")), agent("w", key("out"))), agent("e")), func(id string, u *use) {
		if seen[id] = u.call.State; id != "e" {
			u.set("last", fmt.Sprintf("%q", id))
			u.set(id, "1")
		}
	})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"last": "s", "s": 1.0}, seen["w"], "it saw its neighbour")
	require.Equal(t, map[string]any{"last": "v", "s": 1.0, "v": 1.0}, seen["x"])
	require.Equal(t, map[string]any{"last": "w", "s": 1.0, "v": 1.0, "x": 1.0, "w": 1.0, "out": "done"}, seen["e"], "the later step in the file wins")
}

func TestAnOutputIsNoState(t *testing.T) {
	_, err := work(t, seq(agent("w", key("k")), agent("w"), agent("w", key("k")), agent("w")), func(u *use) {
		switch u.turn {
		case 2:
			require.Equal(t, map[string]any{"k": "done"}, u.call.State)
			u.set("k", "7")
		case 3:
			require.Equal(t, map[string]any{"k": 7.0}, u.call.State)
			require.Equal(t, map[string]string{"k": "done"}, u.call.Outputs)
			u.set("k", "8")
			u.output = "out"
		case 4:
			require.Equal(t, map[string]any{"k": "out"}, u.call.State, "an output key comes after what its agent has set")
			require.Equal(t, map[string]string{"k": "out"}, u.call.Outputs)
		}
	})
	require.NoError(t, err)
}

func TestWhoGetsTools(t *testing.T) {
	names := func(call agents.Call) (list []string) {
		for _, tool := range call.Tools {
			require.True(t, json.Valid(tool.Parameters), "%s", tool.Parameters)
			require.NotEmpty(t, tool.Description)
			list = append(list, tool.Name)
		}
		return list
	}
	got := map[string][]string{}
	_, err := crew(t, seq(agent("s"), repeat(1, "", agent("v"), par(agent("w")), agent("plain")), agent("e")), func(id string, u *use) { got[id] = names(u.call) })
	require.NoError(t, err)
	two, three := []string{"set_state", "get_state"}, []string{"set_state", "get_state", "exit_loop"}
	require.Equal(t, map[string][]string{"s": two, "v": three, "w": three, "plain": nil, "e": two}, got)
}

func TestAFlowInAFlowKeepsItsOwnState(t *testing.T) {
	var x team = map[string]*fake{"a": says("A"), "b": says("B")}
	f := x.nest(t, repeat(1, "", agent("a", key("k")), agent("g")), map[string]agents.Step{"g": agent("b")})
	_, err := f.Invoke(t.Context(), agents.Call{Prompt: "P", State: map[string]any{"x": 1}, Outputs: map[string]string{"x": "1"}, Tools: []agents.Tool{{Name: "x"}}})
	require.NoError(t, err)
	require.Len(t, x["a"].calls[0].Tools, 3, "only a flow's own tools are offered")
	require.Empty(t, x["a"].calls[0].State)
	require.Empty(t, x["b"].calls[0].State)
	require.Empty(t, x["b"].calls[0].Outputs)
	require.Len(t, x["b"].calls[0].Tools, 2, "its agent is in no loop of its own flow")
	require.Nil(t, x["a"].calls[0].Progress)
}

func TestToolsStillWorkAfterTheirTurn(t *testing.T) {
	var late *use
	r, err := work(t, seq(agent("w"), agent("w")), func(u *use) {
		if u.turn == 1 {
			late = u
			return
		}
		require.Equal(t, "Kept.", late.set("x", "1"), "a tool that is used too late must do no harm")
		require.Empty(t, u.call.State)
	})
	require.NoError(t, err)
	require.Nil(t, r.ended[0].State)
	require.Nil(t, r.ended[1].State)
}
