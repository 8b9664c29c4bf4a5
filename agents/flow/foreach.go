package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"beckon/agents"
	"beckon/internal/expression"
	"beckon/internal/problem"
)

// foreach runs its steps once for each item of a list. The items start from the same text and state and don't see
// each other, also where they run one after the other; what they leave is put together in the order of the list.
// The list comes from the state, and so is the same when the run is resumed.
type foreach struct {
	place    string
	over     *expression.Expression
	name     string // of an item
	maxItems int
	atOnce   int
	lenient  bool // an item that fails stops neither the others nor the flow
	key      string
	body     sequence
}

func (b *builder) foreach(s agents.Step, path string) step {
	built := &foreach{
		place:    path,
		name:     cmp.Or(s.As, "item"),
		maxItems: cmp.Or(s.MaxItems, agents.DefaultForeachItems),
		atOnce:   max(s.MaxParallel, 1),
		lenient:  s.OnError == "continue",
		key:      s.OutputKey,
	}
	var err error
	if built.over, err = compile(s.Over, b.items); err != nil {
		b.found.Add(path+".over", "%s", err)
	} else if !built.over.IsList() {
		b.found.Add(path+".over", "must be a list, not %s", built.over.Type())
	}
	b.items = append(b.items, built.name)
	built.body = b.children(s, path)
	b.items = b.items[:len(b.items)-1]
	return built
}

func (s *foreach) run(ctx context.Context, t *thread) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	list, err := s.list(ctx, t)
	if err != nil {
		return explainStep(agents.StepForeach, s.place, err)
	}
	forks, failure := s.runItems(ctx, t, list)
	results := make([]any, len(forks))
	for i, fork := range forks {
		results[i] = fork.result
	}
	if err := t.joinFrom(0, forks); failure == nil {
		failure = err
	}
	if failure != nil || s.key == "" {
		return failure
	}
	text, err := json.Marshal(results)
	if err != nil {
		return explainStep(agents.StepForeach, s.place, err)
	}
	t.setState(s.key, results, 0)
	t.setOutput(s.key, string(text))
	return nil
}

// list evaluates what the step goes over.
func (s *foreach) list(ctx context.Context, t *thread) ([]any, error) {
	value, err := evaluate(ctx, s.over, t, "over")
	if err != nil {
		return nil, err
	}
	list, ok := value.([]any)
	switch {
	case !ok:
		return nil, problem.New(problem.Upstream, problem.CodeFlowExpressionFailed,
			"Its expression over is not a list.")
	case len(list) > s.maxItems:
		return nil, problem.New(problem.Upstream, problem.CodeFlowExpressionFailed,
			"Its list has %d items; maxItems allows %d.", len(list), s.maxItems)
	}
	return list, nil
}

// runItems runs the steps for each item, a few of them at the same time. It returns the threads of those that were
// begun.
func (s *foreach) runItems(ctx context.Context, t *thread, list []any) ([]*thread, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		forks   []*thread
		group   sync.WaitGroup
		once    sync.Once
		failure error
		waits   atomic.Bool
		places  = make(chan struct{}, s.atOnce)
	)
	for i, item := range list {
		places <- struct{}{}
		if ctx.Err() != nil {
			once.Do(func() { failure = context.Cause(ctx) })
			break
		}
		fork := t.fork()
		forks = append(forks, fork)
		group.Go(func() {
			defer func() { <-places }()
			err := guard(func() error { return s.runItem(ctx, fork, i+1, item) })
			switch {
			case errors.Is(err, agents.ErrWaiting): // it does not stop the others
				waits.Store(true)
			case err != nil:
				once.Do(func() { failure = err; cancel(&siblingFailed{err}) })
			}
			fork.compact(len(t.text.Text))
		})
	}
	group.Wait()
	if failure == nil && waits.Load() {
		failure = agents.ErrWaiting
	}
	return forks, failure
}

func (s *foreach) runItem(ctx context.Context, fork *thread, number int, item any) error {
	fork.turn, fork.call.Text = nestedItem(fork.turn, number), nil // the answers of several items would get mixed up
	fork.call.Items = maps.Clone(fork.call.Items)
	if fork.call.Items == nil {
		fork.call.Items = map[string]any{}
	}
	fork.call.Items["item"], fork.call.Items["index"], fork.call.Items[s.name] = item, number, item
	err := fork.appendText(section(s.name, " "+strings.Trim(nestedItem("", number), "[]"), textOf(item)))
	if err == nil {
		err = s.body.run(ctx, fork)
	}
	if err == nil {
		fork.result = valueOf(fork.output, fork.outputBy)
		return nil
	}
	if !s.lenient || ctx.Err() != nil || isUnrecorded(err) || errors.Is(err, agents.ErrWaiting) {
		return err
	}
	return fork.applyFailure(failedAgent(err), err)
}

// compact drops what a thread that has ended shares with the one from which it was forked, whose text was so long.
func (t *thread) compact(begin int) {
	t.text = t.text.From(begin)
	t.text.Text = strings.Clone(t.text.Text)
	state, outputs := map[string]any{}, map[string]string{}
	for _, key := range t.stateKeys {
		state[key] = t.state[key]
	}
	for _, key := range t.outputKeys {
		outputs[key] = t.outputs[key]
	}
	t.state, t.outputs = state, outputs
}

// textOf is a JSON value as an agent is shown it.
func textOf(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "" // it does not come from JSON
	}
	return string(text)
}

// valueOf is an output as the state has it: JSON where the agent's answer has a schema, else its text.
func valueOf(output string, by agents.Answerer) any {
	var value any
	if by.IsData && json.Unmarshal([]byte(output), &value) == nil {
		return value
	}
	return strings.TrimSpace(output)
}
