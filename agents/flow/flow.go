// Package flow invokes a flow: it runs the steps, hands each agent what came before, and returns the flow's answer.
//
// The first agent is given the flow's prompt as it is. Each later one is given the prompt and, below it, a section for
// every agent that has answered since:
//
//	Why is checkout slow?
//
//	=== logs ===
//	412 timeouts since 09:00.
//
//	=== metrics (failed) ===
//	The provider "acme" did not answer within 2m.
//
// Steps in parallel start from the same text; behind them it has the sections of all, in the order in which the steps
// are written, whoever was first. A section marked as failed is there for a step with onError: continue.
//
// An output with a key is kept in state and in outputs, without the white space around it; what an agent sets by
// the tool set_state is kept in state once it has answered. The until of a loop and the prompts see both. Steps in
// parallel don't see each other's; where two set the same key, the later step in the file wins. A flow within a
// flow has a state of its own: it is given a prompt and gives an output, as an agent does.
//
// Each agent's turn is a node, which is on record before the next one begins. Resumed from its record, a flow takes up
// what finished nodes have left, in the same order, and so comes to where it was.
package flow

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"beckon/agents"
	"beckon/internal/problem"
)

// New makes the invokers of flows.
func New() agents.FlowFactory {
	return func(f agents.Flow, lookup func(id string) *agents.Entry) (agents.Invoker, problem.Fields) {
		b := newBuilder(f, lookup)
		root := b.build(f.Root, "root")
		if len(b.found) > 0 {
			return nil, b.found
		}
		return &flow{id: f.ID, root: root}, nil
	}
}

// flow is safe for concurrent use: what changes during an invocation is in its thread.
type flow struct {
	id   string
	root step
}

// Invoke runs the steps. The answer is the output of the response agent (of its last turn, in a loop); without one,
// or where a router has gone another way, that of the last step; steps in parallel answer with their outputs one
// below the other. A failed step ends the flow with an error of the same kind and code. All goroutines have ended
// when Invoke returns, and the usage and the artifacts are those of all calls.
func (f *flow) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	streamed := false
	if text := call.Text; text != nil {
		call.Text = func(piece string) { streamed = streamed || piece != ""; text(piece) }
	}
	t := newThread(call)
	err := f.root.run(ctx, t)
	result := agents.Result{Output: t.output, Usage: t.usage, By: t.outputBy, Artifacts: t.artifacts}
	if t.responseAgentAsked {
		result.Output, result.By = t.answer, t.answerBy
	}
	result.By.Degraded = t.degraded
	switch {
	case isUnrecorded(err):
		return result, err
	case err != nil && ctx.Err() != nil:
		return result, f.ended(ctx, err)
	case err != nil:
		return result, err
	case strings.TrimSpace(result.Output) == "" && len(t.artifacts) == 0:
		// agents that make files need not say anything
		return result, problem.New(problem.Upstream, problem.CodeFlowNoAnswer,
			"The flow %q ended without an answer%s.", f.id, t.failureSuffix()).Because(t.failure)
	}
	if call.Text != nil && !streamed { // steps in parallel have answered, or an earlier attempt at the run
		call.Text(result.Output)
	}
	return result, nil
}

// ended says why ctx did, which is what made the steps fail.
func (f *flow) ended(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if p, ok := errors.AsType[*problem.Error](cause); ok {
		return p
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return problem.New(problem.Expired, problem.CodeAgentTimeout,
			"The flow %q exceeded its timeout. Raise the timeout, or ask for less.", f.id).Because(err)
	}
	return fmt.Errorf("flow %q was stopped: %w: %w", f.id, ctx.Err(), cause)
}
