package flow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"beckon/agents"
	"beckon/internal/problem"
)

// step is what a flow does at one place of its tree. It ends when ctx does, and has stopped all that it started.
type step interface {
	run(ctx context.Context, t *thread) error
}

// sequence runs its steps one after the other, until one leaves the loop around it.
type sequence []step

func (s sequence) run(ctx context.Context, t *thread) error {
	for _, child := range s {
		if err := child.run(ctx, t); err != nil || t.leaving {
			return err
		}
	}
	return nil
}

// parallel runs its steps at the same time; the first that fails stops the others. One that waits for a person does
// not.
type parallel []step

func (s parallel) run(ctx context.Context, t *thread) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		forks   = make([]*thread, len(s))
		group   sync.WaitGroup
		once    sync.Once
		failure error
		waits   atomic.Bool
	)
	for i, child := range s {
		forks[i] = t.fork()
		group.Go(func() {
			// No caller up the stack could take care of a panic, as the goroutine is the flow's own.
			err := guard(func() error { return child.run(ctx, forks[i]) })
			switch {
			case errors.Is(err, agents.ErrWaiting):
				waits.Store(true)
			case err != nil:
				once.Do(func() { failure = err; cancel(&siblingFailed{err}) })
			}
		})
	}
	group.Wait()
	if err := t.join(forks); failure == nil {
		failure = err
	}
	if failure == nil && waits.Load() {
		return agents.ErrWaiting
	}
	return failure
}

// guard turns a panic into an error.
func guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a step: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// loop runs its steps until its condition holds, one of its agents leaves it, or as often as it may.
type loop struct {
	body     sequence
	maxTurns int
	until    *condition // nil never holds
}

func (s *loop) run(ctx context.Context, t *thread) error {
	turn, text := t.turn, t.call.Text
	defer func() { t.turn, t.call.Text, t.leaving = turn, text, false }()
	for i := 1; i <= s.maxTurns; i++ {
		var buffered strings.Builder
		if t.turn = nestedTurn(turn, i); text != nil && i < s.maxTurns {
			// It is not known yet whether this turn is the last one, whose text is the answer. The last possible
			// turn is.
			t.call.Text = func(piece string) { buffered.WriteString(piece) }
		} else {
			t.call.Text = text
		}
		if err := s.body.run(ctx, t); err != nil {
			return err
		}
		if t.leaving || s.until != nil && s.until.holds(ctx, t) {
			if buffered.Len() > 0 {
				text(buffered.String())
			}
			return nil
		}
	}
	return nil
}

// continueOnError is a step whose failure doesn't end the flow.
type continueOnError struct{ step }

func (s continueOnError) run(ctx context.Context, t *thread) error {
	err := s.step.run(ctx, t)
	if err == nil || ctx.Err() != nil || isUnrecorded(err) || errors.Is(err, agents.ErrWaiting) {
		return err
	}
	return t.applyFailure(failedAgent(err), err)
}

// failedAgent names the step that an error comes from.
func failedAgent(err error) string {
	if f, ok := errors.AsType[*stepError](err); ok {
		return f.agent
	}
	return "step"
}

// explainStep names the step that has failed without asking an agent.
func explainStep(kind, place string, err error) error {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok {
		return &stepError{kind, err}
	}
	named := *p
	named.Detail = fmt.Sprintf("The step %s (%s) failed: %s", place, kind, p.Detail)
	return &stepError{kind, &named}
}
