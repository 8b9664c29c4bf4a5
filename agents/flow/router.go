package flow

import (
	"context"

	"beckon/agents"
)

// maxVia bounds how much of a condition a node keeps of why it ran.
const maxVia = 200 // characters

// router runs the first of its steps whose condition holds, else the one for everything else, if there is one. What
// it chooses comes from the state, and so is the same when the run is resumed.
type router struct {
	place     string
	routes    []route
	otherwise step // nil: nothing runs
}

type route struct {
	when *condition
	via  string
	step step
}

func (b *builder) router(s agents.Step, path string) step {
	built := &router{place: path}
	before, chosen := b.responseAgent, b.responseAgent
	for within, child := range s.Within(path) {
		b.responseAgent = before // only one of the steps runs: each may have the response agent
		step := b.build(child, within)
		if b.responseAgent != "" {
			chosen = b.responseAgent
		}
		if within == agents.OtherwisePath(path) {
			built.otherwise = step
			continue
		}
		built.routes = append(built.routes, route{
			when: b.condition(child.When, within+".when"),
			via:  cut(child.When, maxVia),
			step: step,
		})
	}
	b.responseAgent = chosen
	return built
}

func (s *router) run(ctx context.Context, t *thread) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, r := range s.routes {
		holds, err := r.when.decide(ctx, t)
		if err != nil {
			return explainStep(agents.StepRouter, s.place, err)
		}
		if holds {
			return follow(ctx, t, r.step, r.via)
		}
	}
	if s.otherwise == nil {
		return nil
	}
	return follow(ctx, t, s.otherwise, "otherwise")
}

// follow runs a step that was chosen; its nodes say why.
func follow(ctx context.Context, t *thread, chosen step, via string) error {
	outer := t.via
	t.via = nestedVia(outer, via)
	defer func() { t.via = outer }()
	return chosen.run(ctx, t)
}

func nestedVia(outer, via string) string {
	if outer == "" || via == "" {
		return outer + via
	}
	return outer + " → " + via
}

func cut(text string, characters int) string {
	if r := []rune(text); len(r) > characters {
		return string(r[:characters]) + "…"
	}
	return text
}
