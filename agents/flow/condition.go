package flow

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/google/cel-go/cel"

	"beckon/agents"
	"beckon/internal/expression"
	"beckon/internal/problem"
)

// maxDecision bounds a condition that decides which way a flow goes. The bound on its cost, which is the same on
// each machine and in each attempt, is reached before.
const maxDecision = 5 * time.Second

// condition is a CEL expression over what a flow knows that is true or false.
type condition struct {
	expression *expression.Expression
}

// compile reads an expression of a step; items are the names of the items of the foreach steps around it.
func compile(text string, items []string) (*expression.Expression, error) {
	known := []cel.EnvOption{
		expression.FromJSON(),
		cel.Variable("state", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("outputs", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("prompt", cel.StringType),
		cel.Variable("input", cel.DynType),
		cel.Variable("metadata", cel.DynType),
	}
	hint := "there are state, outputs, prompt, input and metadata, as in state.approved"
	if len(items) > 0 {
		known = append(known, cel.Variable("item", cel.DynType), cel.Variable("index", cel.IntType))
		hint = "there are item, index, state, outputs, prompt, input and metadata, as in item.kind"
	}
	for _, name := range items {
		if name != "item" {
			known = append(known, cel.Variable(name, cel.DynType))
		}
	}
	return expression.Compile(text, hint, known...)
}

func compileCondition(text string, items []string) (*condition, error) {
	compiled, err := compile(text, items)
	if err != nil {
		return nil, err
	}
	if !compiled.IsCondition() {
		return nil, errors.New("must be true or false, not " + compiled.Type() +
			": compare it, as in state.approved == true")
	}
	return &condition{compiled}, nil
}

// holds evaluates the condition. A key that isn't there yet, values that can't be compared and an evaluation beyond the
// limits count as false.
func (c *condition) holds(ctx context.Context, t *thread) bool {
	return c.expression.Holds(ctx, t.data(c.expression))
}

// decide is holds for a condition that has to come out the same when the run is resumed: one that takes too long is
// an error.
func (c *condition) decide(ctx context.Context, t *thread) (bool, error) {
	holds, err := c.expression.Decide(ctx, t.data(c.expression), maxDecision)
	switch {
	case err == nil:
		return holds, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case expression.TookTooLong(err):
		return false, problem.New(problem.Upstream, problem.CodeFlowExpressionFailed,
			"Its condition takes too long. Make it simpler.").Because(err)
	}
	return false, nil
}

// evaluate returns the value of an expression as JSON decodes it; what names the expression to whom it concerns.
func evaluate(ctx context.Context, e *expression.Expression, t *thread, what string) (any, error) {
	value, err := e.Value(ctx, t.data(e))
	switch {
	case err == nil:
		return value, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, problem.New(problem.Upstream, problem.CodeFlowExpressionFailed,
		"Its expression %s has no value: %s.", what, strings.TrimSuffix(err.Error(), ".")).Because(err)
}

// data is what an expression sees. What is made of the call is made only where the expression needs it.
func (t *thread) data(e *expression.Expression) map[string]any {
	data := map[string]any{"state": t.state, "outputs": t.outputs, "prompt": t.call.Prompt}
	maps.Copy(data, t.call.Items)
	if e.Mentions("metadata") {
		metadata := map[string]any{}
		_ = json.Unmarshal(t.call.Metadata, &metadata) // it was read as an object when the run was accepted
		data["metadata"] = metadata
	}
	if e.Mentions("input") {
		data["input"] = inputOf(t.call)
	}
	return data
}

// inputOf is what the flow was called with: the JSON, else the text.
func inputOf(call agents.Call) any {
	for _, text := range []string{call.Input, call.Prompt} {
		var value any
		if text = strings.TrimSpace(text); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
			if json.Unmarshal([]byte(text), &value) == nil {
				return value
			}
		}
	}
	return call.Prompt
}
