package flow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/units"
)

// step is what a flow does at one place of its tree. It ends when ctx does, and has stopped all that it started.
type step interface {
	run(ctx context.Context, t *thread) error
}

// failed is the error of a step, with the agent that it began with.
type failed struct {
	agent string
	err   error
}

func (f *failed) Error() string { return fmt.Sprintf("step %q: %v", f.agent, f.err) }
func (f *failed) Unwrap() error { return f.err }

// agentStep asks an agent or another flow.
type agentStep struct {
	entry    *agents.Entry
	key      string // "" keeps the output out of the state
	isAnswer bool
}

func (s *agentStep) run(ctx context.Context, t *thread) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	asked, cancel := context.WithTimeoutCause(ctx, s.entry.Timeout, problem.New(problem.Expired, "agent_timeout",
		"It did not answer within %s. Raise its timeout, or ask for less.", units.Duration(s.entry.Timeout)))
	defer cancel()
	call := t.call
	call.AgentID, call.Prompt = s.entry.ID, t.text
	result, err := s.entry.Invoker.Invoke(asked, call)
	t.usage = t.usage.Add(result.Usage)
	if err == nil {
		err = t.record(s, result.Output)
	} else if late := context.Cause(asked); ctx.Err() == nil && errors.Is(asked.Err(), context.DeadlineExceeded) && !errors.Is(err, late) {
		err = late.(*problem.Error).Because(err)
	}
	if err != nil {
		return s.explain(err)
	}
	return nil
}

// explain names the agent in what its caller may see.
func (s *agentStep) explain(err error) error {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok {
		return &failed{s.entry.ID, err}
	}
	named := *p
	named.Detail = fmt.Sprintf("The step %q failed: %s", s.entry.ID, p.Detail)
	return &failed{s.entry.ID, &named}
}

// sequence runs its steps one after the other.
type sequence []step

func (s sequence) run(ctx context.Context, t *thread) error {
	for _, child := range s {
		if err := child.run(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// parallel runs its steps at the same time; the first that fails stops the others.
type parallel []step

func (s parallel) run(ctx context.Context, t *thread) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		forks   = make([]*thread, len(s))
		group   sync.WaitGroup
		once    sync.Once
		failure error
	)
	for i, child := range s {
		forks[i] = t.fork()
		group.Go(func() {
			if err := guard(ctx, child, forks[i]); err != nil {
				once.Do(func() { failure = err; cancel(err) })
			}
		})
	}
	group.Wait()
	if err := t.join(forks); failure == nil {
		failure = err
	}
	return failure
}

// guard turns a panic into an error: no caller up the stack could, as the goroutine is the flow's own.
func guard(ctx context.Context, s step, t *thread) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a step: %v\n%s", p, debug.Stack())
		}
	}()
	return s.run(ctx, t)
}

// loop runs its steps until its condition holds, or as often as it may.
type loop struct {
	body  sequence
	most  int
	until *condition // nil never holds
}

func (s *loop) run(ctx context.Context, t *thread) error {
	for range s.most {
		if err := s.body.run(ctx, t); err != nil {
			return err
		}
		if s.until != nil && s.until.holds(ctx, t) {
			return nil
		}
	}
	return nil
}

// lenient is a step whose failure doesn't end the flow.
type lenient struct{ step }

func (s lenient) run(ctx context.Context, t *thread) error {
	err := s.step.run(ctx, t)
	if err == nil || ctx.Err() != nil {
		return err
	}
	agent := "step"
	if f, ok := errors.AsType[*failed](err); ok {
		agent = f.agent
	}
	return t.fail(agent, err)
}
