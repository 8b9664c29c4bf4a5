package flow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/telemetry"
	"beckon/internal/units"
)

// agentStep asks an agent, which makes a node, or another flow, whose own agents make nodes.
type agentStep struct {
	id              string // unique within the flow
	entry           *agents.Entry
	prompt          *agents.Instructions // nil: the agent is given what came before
	key             string               // "" keeps the output out of the state
	isResponseAgent bool
	streams         bool // what it writes is passed on piece by piece
	inLoop          bool
	names           map[string]string // of its nodes' events, as Node.Names has them
}

func (s *agentStep) run(ctx context.Context, t *thread) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t.responseAgentAsked = t.responseAgentAsked || s.isResponseAgent
	if s.entry.IsFlow {
		return s.runFlow(ctx, t)
	}
	id := s.nodeID(t)
	if n, ok := t.progress.Finished(id); ok && n.Type == s.entry.ID {
		t.usage, t.artifacts = t.usage.Add(n.Usage), append(t.artifacts, n.Artifacts...)
		return s.explain(t.applyNode(s, n))
	}
	n := agents.Node{
		ID:        id,
		Type:      s.entry.ID,
		OutputKey: s.key,
		Via:       t.via,
		Status:    agents.NodeRunning,
		Names:     s.names,
		StartedAt: time.Now().UTC(),
	}
	t.progress.Begin(n)
	d := newStateTools(t)
	call, err := s.call(t)
	if err == nil {
		var result agents.Result
		call.Tools = d.tools(s)
		call.Percent = func(percent int) { t.progress.Advance(n, percent) }
		within, span := telemetry.Start(ctx, telemetry.Internal, "invoke_agent", n.Type)
		span.Operation("invoke_agent")
		span.Text("gen_ai.agent.name", n.Type)
		span.Text("beckon.node.id", n.ID)
		result, err = s.ask(within, call)
		span.Tokens(result.Usage.PromptTokens, result.Usage.CompletionTokens)
		span.End(problem.CodeOf(err))
		n.Output, n.Usage, n.By, n.Artifacts = result.Output, result.Usage, result.By, result.Artifacts
		t.usage, t.artifacts = t.usage.Add(n.Usage), append(t.artifacts, n.Artifacts...)
	}
	if err == nil {
		done := n
		done.State, done.LeavesLoop = d.result()
		if err = t.applyNode(s, done); err == nil {
			n = done
		}
	}
	return s.end(ctx, t, n, err)
}

// runFlow runs a flow within the flow: it has a state and outputs of its own, and what it answers is the step's output.
func (s *agentStep) runFlow(ctx context.Context, t *thread) error {
	call, err := s.call(t)
	if err != nil {
		return s.explain(err)
	}
	call.Progress = nestedProgress{t.progress, s.nodeID(t), s.names, t.via}
	result, err := s.ask(ctx, call)
	t.usage, t.artifacts = t.usage.Add(result.Usage), append(t.artifacts, result.Artifacts...)
	if err == nil {
		err = t.applyNode(s, agents.Node{Output: result.Output, By: result.By})
	}
	return s.explain(err)
}

// nodeID is the id of the step's node; of a flow, what the ids of its nodes begin with.
func (s *agentStep) nodeID(t *thread) string {
	if s.entry.IsFlow {
		return s.id + t.turn + "/"
	}
	return s.id + t.turn
}

// call prepares what the agent is asked.
func (s *agentStep) call(t *thread) (agents.Call, error) {
	call := t.call
	call.AgentID, call.Tools, call.Progress = s.entry.ID, nil, nil
	if call.Responses != nil {
		call.Responses = call.Responses.Node(s.nodeID(t))
	}
	if call.Turns != nil {
		call.Turns = call.Turns.Node(s.nodeID(t))
	}
	if call.Conversation != nil {
		call.Conversation = call.Conversation.Node(s.nodeID(t))
	}
	if files, ok := call.Files.(agents.NodeFiles); ok {
		call.Files = files.Node(s.nodeID(t))
	}
	call.Artifacts = slices.Concat(call.Artifacts, t.artifacts)
	call.Outputs, call.State = maps.Clone(t.outputs), maps.Clone(t.state)
	if !s.streams {
		call.Text = nil
	}
	if s.prompt == nil {
		text := t.text
		if t.call.Prompt == "" { // the call has brought files only
			text = text.TrimSpace()
		}
		call.Prompt, call.Fence = text.Text, call.Fence.With(text.Spans)
		return call, nil
	}
	prompt, err := s.prompt.RenderText(call)
	if err == nil && strings.TrimSpace(prompt.Text) == "" {
		err = problem.New(problem.Upstream, problem.CodePromptTemplateFailed,
			"The prompt of its step came out empty. Check its template.")
	}
	call.Prompt, call.Input, call.Fence = prompt.Text, prompt.Text, call.Fence.With(prompt.Spans)
	return call, err
}

// ask invokes the agent within its own time.
func (s *agentStep) ask(ctx context.Context, call agents.Call) (result agents.Result, err error) {
	asked, cancel := context.WithTimeoutCause(ctx, s.entry.Timeout,
		problem.New(problem.Expired, problem.CodeAgentTimeout,
			"It did not answer within %s. Raise its timeout, or ask for less.", units.Duration(s.entry.Timeout)))
	defer cancel()
	err = guard(func() (err error) {
		result, err = s.entry.Invoker.Invoke(asked, call)
		result, err = agents.AwaitParked(asked, result, err)
		return err
	})
	late := context.Cause(asked)
	if err != nil && ctx.Err() == nil && errors.Is(asked.Err(), context.DeadlineExceeded) && !errors.Is(err, late) {
		err = late.(*problem.Error).Because(err)
	}
	return result, err
}

// end records what became of a node, also when the run was stopped meanwhile.
func (s *agentStep) end(ctx context.Context, t *thread, n agents.Node, err error) error {
	if errors.Is(err, agents.ErrWaiting) { // it goes on later
		return err
	}
	n.Status, n.CompletedAt = agents.NodeCompleted, time.Now().UTC()
	if err != nil {
		n.Status, n.Error = outcome(ctx, err)
	}
	if lost := t.progress.End(context.WithoutCancel(ctx), n); lost != nil {
		return &unrecorded{fmt.Errorf("record node %q: %w", n.ID, lost)}
	}
	return s.explain(err)
}

// explain names the agent in what its caller may see.
func (s *agentStep) explain(err error) error {
	if err == nil || isUnrecorded(err) || errors.Is(err, agents.ErrWaiting) {
		return err
	}
	p, ok := errors.AsType[*problem.Error](err)
	if !ok {
		return &stepError{s.entry.ID, err}
	}
	named := *p
	named.Detail = fmt.Sprintf("The step %q failed: %s", s.entry.ID, p.Detail)
	return &stepError{s.entry.ID, &named}
}

// stepError is the error of a step, with the agent that it began with.
type stepError struct {
	agent string
	err   error
}

func (f *stepError) Error() string { return fmt.Sprintf("step %q: %v", f.agent, f.err) }
func (f *stepError) Unwrap() error { return f.err }
