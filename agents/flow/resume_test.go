package flow_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"beckon/agents"
	"beckon/agents/flow"
)

// oracle is an agent whose answer, use of tools and failures depend on nothing but what it is asked: two runs of the
// same flow differ only if the flow treats them differently.
type oracle struct {
	mu    sync.Mutex
	asked int
}

func (o *oracle) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	o.mu.Lock()
	o.asked++
	o.mu.Unlock()
	seen, err := json.Marshal([]any{call.AgentID, call.Prompt, call.State, call.Outputs})
	if err != nil {
		return agents.Result{}, err
	}
	dice := sha256.Sum256(seen)
	for _, tool := range call.Tools {
		switch {
		case tool.Name == "set_state" && dice[0]%2 == 0:
			_, err = tool.Use(ctx, json.RawMessage(fmt.Sprintf(`{"key":"k%d","value":%d.5}`, dice[1]%3, dice[2]%4)))
		case tool.Name == "exit_loop" && dice[3]%6 == 0:
			_, err = tool.Use(ctx, json.RawMessage("{}"))
		}
		if err != nil {
			return agents.Result{}, err
		}
	}
	output := fmt.Sprintf("%x", dice[4:8])
	if call.Text != nil {
		call.Text(output[:4])
		call.Text(output[4:])
	}
	return agents.Result{Output: output, Usage: agents.Usage{TotalTokens: int(dice[8])}}, nil
}

// world builds flows whose agents are oracles.
type world struct {
	oracle oracle
	flows  map[string]agents.Invoker
}

func (w *world) build(t require.TestingT, id string, root agents.Step) agents.Invoker {
	f, found := flow.New()(agents.Flow{ID: id, Root: root}, func(id string) *agents.Entry {
		if inner := w.flows[id]; inner != nil {
			return &agents.Entry{ID: id, Timeout: time.Minute, IsFlow: true, Invoker: inner}
		}
		return &agents.Entry{ID: id, Timeout: time.Minute, Invoker: &w.oracle}
	})
	require.Empty(t, found)
	return f
}

// attempt runs a flow of which an earlier attempt has finished some nodes; it returns the text that was passed on too.
func (w *world) attempt(t require.TestingT, f agents.Invoker, finished []agents.Node) (result agents.Result, text string, r *record) {
	w.oracle.asked = 0
	r = &record{finished: map[string]agents.Node{}}
	for _, n := range finished {
		r.finished[n.ID] = stored(t, n)
	}
	result, err := f.Invoke(context.Background(), agents.Call{Prompt: "Prompt", Progress: r, Text: func(piece string) { text += piece }})
	require.NoError(t, err)
	return result, text, r
}

// stored is a node as it comes back from the database.
func stored(t require.TestingT, n agents.Node) agents.Node {
	text, err := json.Marshal(n)
	require.NoError(t, err)
	var back agents.Node
	require.NoError(t, json.Unmarshal(text, &back))
	return back
}

func ids(nodes []agents.Node) (list []string) {
	for _, n := range nodes {
		list = append(list, n.ID)
	}
	slices.Sort(list)
	return list
}

// check runs a flow, and resumes it after each number of finished nodes.
func (w *world) check(t require.TestingT, f agents.Invoker) {
	whole, text, first := w.attempt(t, f, nil)
	require.Equal(t, whole.Output, text)
	all := ids(first.ended)
	require.Len(t, slices.Compact(slices.Clone(all)), len(all), "two nodes have the same id: %v", all)
	require.Equal(t, len(all), w.oracle.asked)
	for n := range len(first.ended) + 1 {
		done := first.ended[:n]
		again, text, r := w.attempt(t, f, done)
		require.Equal(t, whole, again, "after %v", ids(done))
		require.Equal(t, whole.Output, text)
		require.Equal(t, len(all)-n, w.oracle.asked, "after %v", ids(done))
		require.Equal(t, all, ids(append(slices.Clone(done), r.ended...)))
		require.Len(t, r.begun, len(r.ended))
	}
}

func TestResume(t *testing.T) {
	for name, root := range map[string]agents.Step{
		"sequential":    seq(agent("a"), agent("b", key("x")), agent("a")),
		"parallel":      seq(par(agent("a"), seq(agent("b"), agent("c", key("x")))), agent("d", prompt("{{ .outputs.x }} {{ json .state }}"))),
		"response":      seq(agent("a", response), agent("b")),
		"loop":          repeat(4, "", agent("a", key("x")), agent("b")),
		"until":         repeat(20, "has(state.k1) && state.k1 > 1.0", agent("a"), agent("b")),
		"outputs":       repeat(20, "outputs.x.startsWith('0') || outputs.x.startsWith('5')", agent("a", key("x"))),
		"loops in loop": repeat(3, "size(state) > 2", repeat(2, "", agent("a")), par(agent("a"), repeat(2, "", agent("b")))),
		"router":        seq(agent("a", key("x")), repeat(3, "", agent("b"), choose(otherwise(agent("d")), when("has(state.k1)", seq(agent("a"), agent("c", key("x")))), when("outputs.x < '8'", agent("c"))))),
		"foreach":       seq(agent("a", key("x")), each("[outputs.x, prompt, 3, {'b': 1, 'a': outputs.x}]", 3, agent("b", key("y")), repeat(2, "", agent("c"))), agent("d", prompt("{{ json .state }}{{ .outputs.list }}"))),
		"of a map":      seq(repeat(6, "", agent("a")), each("state.map(k, {k: state[k], 'all': state})", 2, choose(agents.Step{}, when("size(item) > 1", agent("b", prompt("{{ json .item }} {{ .index }}")))))),
		"set":           seq(agent("a", key("x")), assign("n", "size(outputs.x)", "was", "state"), repeat(4, "state.n > 10.0", agent("b"), assign("n", "state.n + 1.0")), each("state.was.map(k, k)", 1, assign("k", "item"), agent("c"))),
		"in each other": repeat(2, "", each("[1, 2]", 2, each("['p', 'q']", 2, repeat(2, "", agent("a"), agent("inner", prompt("{{ .item }}")))), agent("b"))),
		"a flow":        seq(agent("a"), agent("inner"), repeat(2, "", agent("inner", key("x")))),
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{flows: map[string]agents.Invoker{}}
			w.flows["inner"] = w.build(t, "inner", seq(repeat(3, "has(state.k0)", agent("a"), agent("b")), agent("c")))
			w.check(t, w.build(t, "f", root))
		})
	}
}

// Any flow, of agents with names that get into each other's way.
func TestResumeOfAnyFlow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{flows: map[string]agents.Invoker{}}
		names := []string{"w", "w-2", "w-2-2", "w-3", "x"}
		for _, id := range []string{"g", "g-2"} {
			w.flows[id] = w.build(t, id, anyStep(t, names, 2))
			names = append(names, id)
		}
		w.check(t, w.build(t, "f", anyStep(t, names, 3)))
	})
}

func anyStep(t *rapid.T, names []string, depth int) agents.Step {
	kind := "agent"
	if depth > 0 {
		kind = rapid.SampledFrom([]string{"agent", "sequential", "parallel", "loop", "router", "foreach", "set"}).Draw(t, "kind")
	}
	s := agents.Step{Type: kind}
	if kind == "set" {
		s.Set = map[string]string{"k0": rapid.SampledFrom([]string{"1", "state.map(k, k)", "outputs", "size(state)"}).Draw(t, "value")}
		// A flow needs an answer.
		return agents.Step{Type: "sequential", Steps: []agents.Step{s, {Type: "agent", AgentID: rapid.SampledFrom(names).Draw(t, "agent")}}}
	}
	if kind == "agent" {
		s.AgentID = rapid.SampledFrom(names).Draw(t, "agent")
		s.OutputKey = rapid.SampledFrom([]string{"", "", "k0", "out"}).Draw(t, "key")
		s.Prompt = rapid.SampledFrom([]string{"", "", "", "{{ json .outputs }}{{ .state.k1 | default 0 }}"}).Draw(t, "prompt")
		return s
	}
	if kind == "loop" {
		s.MaxIterations = rapid.IntRange(1, 3).Draw(t, "iterations")
		s.Until = rapid.SampledFrom([]string{"", "has(state.k1)", "state.k2 > 1.0", "'out' in outputs"}).Draw(t, "until")
	}
	if kind == "foreach" {
		s.Over = rapid.SampledFrom([]string{"['x', 2]", "[prompt] + state.map(k, state[k])", "outputs.map(k, dyn(k)) + [dyn(1), true, 3]"}).Draw(t, "over")
		s.MaxParallel = rapid.IntRange(0, 3).Draw(t, "at once")
		s.OutputKey = rapid.SampledFrom([]string{"", "k0", "out"}).Draw(t, "key")
	}
	for range rapid.IntRange(1, 3).Draw(t, "steps") {
		s.Steps = append(s.Steps, anyStep(t, names, depth-1))
	}
	if kind == "router" {
		for i := range s.Steps {
			s.Steps[i].When = rapid.SampledFrom([]string{"has(state.k1)", "state.k2 > 1.0", "'out' in outputs", "size(state) > 1"}).Draw(t, "when")
		}
		other := anyStep(t, names, depth-1)
		s.Otherwise = &other
	}
	return s
}

// What an earlier attempt left unfinished or failed is done again, and so is what another agent has done.
func TestWhatIsNotTakenFromTheRecord(t *testing.T) {
	x := team{"a": says("A"), "down": fails(errDown), "b": says("B")}
	r := record{finished: map[string]agents.Node{"b": {ID: "b", Type: "other", Status: agents.NodeCompleted, Output: "old"},
		"a": {ID: "a", Type: "a", Status: agents.NodeCompleted, Output: "from the record", LeavesLoop: true, Usage: agents.Usage{TotalTokens: 40}}}}
	result, err := x.nest(t, seq(agent("a"), lenient(agent("down")), agent("b")), nil).Invoke(t.Context(), agents.Call{Prompt: "P", Progress: &r})
	require.NoError(t, err)
	require.Equal(t, "B", result.Output)
	require.Equal(t, 46, result.Usage.TotalTokens)
	require.Equal(t, []string{"down", "b"}, r.begun)
	require.True(t, strings.HasPrefix(x.prompt("b", 1), "P\n\n=== a ===\nfrom the record\n\n=== down (failed) ==="))
}
