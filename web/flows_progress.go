package web

import (
	"context"
	"slices"
	"strings"

	"beckon/agents"
	"beckon/agents/flow"
	"beckon/internal/problem"
	"beckon/runs"
)

// stepState says in how many of its turns a step is in a state.
type stepState struct {
	Status string
	Count  int
}

// nodeStates are the states of nodes in the order in which they are shown.
var nodeStates = []string{"RUNNING", "WAITING", string(agents.NodeFailed), string(agents.NodeCanceled), string(agents.NodeCompleted)}

// Status is the state that the box of a step shows: the one that asks most for attention.
func (f stepForm) Status() string {
	if len(f.States) == 0 {
		return ""
	}
	return f.States[0].Status
}

// progressOf draws the flow of a run as it is today, with what has become of each of its steps; nil where there is no such flow.
func (w *Web) progressOf(ctx context.Context, run *runs.Run) (*stepForm, error) {
	if !run.IsFlow {
		return nil, nil
	}
	record, err := resources[agents.Flow](w).Get(ctx, run.WorkflowID)
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	counts := map[string]map[string]int{}
	for _, n := range run.AllNodes() {
		step := n.ID
		if end := strings.IndexAny(step, "#[/"); end > 0 {
			step = step[:end]
		}
		if counts[step] == nil {
			counts[step] = map[string]int{}
		}
		counts[step][string(n.Status)]++
	}
	root := stepFormOf(record.Item.Root)
	root.place("root")
	ids := flow.StepIDs(record.Item.Root)
	root.mark(func(path string) (states []stepState) {
		for status, count := range counts[ids[path]] {
			states = append(states, stepState{status, count})
		}
		slices.SortFunc(states, func(a, b stepState) int {
			return slices.Index(nodeStates, a.Status) - slices.Index(nodeStates, b.Status)
		})
		return states
	})
	return &root, nil
}

// mark sets the states of the step and of those within it.
func (f *stepForm) mark(statesOf func(path string) []stepState) {
	f.States = statesOf(f.Path)
	for i := range f.Steps {
		f.Steps[i].mark(statesOf)
	}
	if f.Otherwise != nil {
		f.Otherwise.mark(statesOf)
	}
}
