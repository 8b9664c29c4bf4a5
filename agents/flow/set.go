package flow

import (
	"context"
	"maps"
	"slices"

	"beckon/agents"
	"beckon/internal/expression"
	"beckon/internal/problem"
)

// set puts the values of expressions into the state. All of them see the state as it was before.
type set struct {
	place  string
	values []assignment // in the order of their keys
}

type assignment struct {
	key   string
	value *expression.Expression
}

func (b *builder) set(s agents.Step, path string) step {
	built := &set{place: path}
	for _, key := range slices.Sorted(maps.Keys(s.Set)) {
		value, err := compile(s.Set[key], b.items)
		if err != nil {
			b.found.Add(path+".set."+key, "%s", err)
		}
		built.values = append(built.values, assignment{key, value})
	}
	return built
}

func (s *set) run(ctx context.Context, t *thread) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	values := make([]any, len(s.values))
	for i, a := range s.values {
		var err error
		if values[i], err = evaluate(ctx, a.value, t, "set."+a.key); err != nil {
			return explainStep(agents.StepSet, s.place, err)
		}
	}
	sizes := maps.Clone(t.sizes)
	for i, a := range s.values {
		sizes[a.key] = sizeOf(a.key, values[i])
	}
	if total(sizes) > maxStateBytes || len(sizes) > maxStateKeys {
		return explainStep(agents.StepSet, s.place, problem.New(problem.Upstream, problem.CodeFlowStateTooLarge,
			"The state would be larger than %d KiB or %d keys. Keep less.", maxStateBytes>>10, maxStateKeys))
	}
	for i, a := range s.values {
		t.setState(a.key, values[i], sizes[a.key])
	}
	return nil
}
