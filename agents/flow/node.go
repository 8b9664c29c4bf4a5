package flow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"beckon/agents"
	"beckon/internal/problem"
)

// nodeNames gives every agent step of a flow an id: that of its agent, with -2, -3 and so on behind it where the
// same agent stands at further places. The ids come from the tree alone. They hold none of /, # and [, which are
// for the path of a node: "review#2/critic#1.3" is the agent critic in the third turn of a loop in the first turn
// of the loop around it, within the flow review, in the second turn of the loop around that. "writer[2]#1" is the
// agent writer in the first turn of a loop for the second item of a list.
type nodeNames map[string]bool

// newNodeNames reserves the plain ids: an agent may be called writer-2.
func newNodeNames(root agents.Step) nodeNames {
	n := nodeNames{}
	n.reserve(root)
	return n
}

func (n nodeNames) reserve(s agents.Step) {
	if s.Type == agents.StepAgent {
		n[s.AgentID] = false
	}
	for _, child := range s.Within("") {
		n.reserve(child)
	}
}

func (n nodeNames) next(agentID string) string {
	id := agentID
	for i := 2; n[agentID]; i++ {
		id = agentID + "-" + strconv.Itoa(i)
		if _, taken := n[id]; !taken {
			break
		}
	}
	n[id] = true
	return id
}

// StepIDs returns the ids of the agent steps below a root, by their paths: what the ids of their nodes begin with.
func StepIDs(root agents.Step) map[string]string {
	names, ids := newNodeNames(root), map[string]string{}
	var walk func(s agents.Step, path string)
	walk = func(s agents.Step, path string) {
		if s.Type == agents.StepAgent {
			ids[path] = names.next(s.AgentID)
		}
		for within, child := range s.Within(path) {
			walk(child, within)
		}
	}
	walk(root, "root")
	return ids
}

// nestedTurn is what stands behind the ids of the nodes in the i-th turn of a loop, from 1: "#2", in a loop within
// that "#2.1".
func nestedTurn(outer string, i int) string {
	separator := "."
	if outer == "" || strings.HasSuffix(outer, "]") {
		separator = "#"
	}
	return outer + separator + strconv.Itoa(i)
}

// nestedItem is the same for the i-th item of a list, from 1: "[3]", in a loop "#2[3]".
func nestedItem(outer string, i int) string { return outer + "[" + strconv.Itoa(i) + "]" }

// nestedProgress is the progress of a flow within a flow.
type nestedProgress struct {
	agents.Progress
	prefix string
	names  map[string]string // of events that the flow within does not name itself
	via    string            // what routers around the flow have chosen
}

func (w nestedProgress) Finished(id string) (agents.Node, bool) {
	return w.Progress.Finished(w.prefix + id)
}

func (w nestedProgress) Begin(n agents.Node) { w.Progress.Begin(w.withPrefix(n)) }

func (w nestedProgress) Advance(n agents.Node, percent int) {
	w.Progress.Advance(w.withPrefix(n), percent)
}

func (w nestedProgress) End(ctx context.Context, n agents.Node) error {
	return w.Progress.End(ctx, w.withPrefix(n))
}

// withPrefix is what a node of the flow within looks like from without.
func (w nestedProgress) withPrefix(n agents.Node) agents.Node {
	n.ID = w.prefix + n.ID
	n.Via = nestedVia(w.via, n.Via)
	if len(w.names) > 0 { // the maps belong to all nodes of their steps
		names := maps.Clone(w.names)
		maps.Copy(names, n.Names)
		n.Names = names
	}
	return n
}

// noProgress is the progress of a run whose nodes are not recorded.
type noProgress struct{}

func (noProgress) Finished(string) (agents.Node, bool)    { return agents.Node{}, false }
func (noProgress) Begin(agents.Node)                      {}
func (noProgress) Advance(agents.Node, int)               {}
func (noProgress) End(context.Context, agents.Node) error { return nil }

// unrecorded is the error of a node whose end could not be written: the flow must not go on.
type unrecorded struct{ err error }

func (u *unrecorded) Error() string { return u.err.Error() }
func (u *unrecorded) Unwrap() error { return u.err }

func isUnrecorded(err error) bool {
	_, ok := errors.AsType[*unrecorded](err)
	return ok
}

// siblingFailed is why the context of a parallel step's other steps ended. It hides the error from those who look for a
// problem: the failure is not theirs.
type siblingFailed struct{ by error }

func (s *siblingFailed) Error() string { return fmt.Sprintf("a step beside it failed: %v", s.by) }

// outcome tells a node that failed from one that was stopped.
func outcome(ctx context.Context, err error) (agents.NodeStatus, *agents.Failure) {
	if ctx.Err() == nil {
		return agents.NodeFailed, problem.FailureOf(err)
	}
	if _, ok := errors.AsType[*siblingFailed](context.Cause(ctx)); ok {
		return agents.NodeCanceled, &agents.Failure{
			Code:    "stopped",
			Message: "It was stopped because a step beside it failed.",
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return agents.NodeFailed, &agents.Failure{
			Code:    problem.CodeAgentTimeout,
			Message: "The flow exceeded its timeout before this agent had answered.",
		}
	}
	return agents.NodeCanceled, &agents.Failure{
		Code:    problem.CodeCanceled,
		Message: "It was stopped before it had answered.",
	}
}
