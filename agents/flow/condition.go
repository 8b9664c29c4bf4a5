package flow

import (
	"context"
	"errors"

	"github.com/google/cel-go/cel"

	"beckon/internal/expression"
)

// condition is a CEL expression over state and outputs that is true or false.
type condition struct {
	expression *expression.Expression
}

func compile(text string) (*condition, error) {
	compiled, err := expression.Compile(text, "there are state and outputs, as in state.approved",
		cel.Variable("state", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("outputs", cel.MapType(cel.StringType, cel.StringType)))
	if err != nil {
		return nil, err
	}
	if !compiled.IsCondition() {
		return nil, errors.New("must be true or false, not " + compiled.Type() + ": compare it, as in state.approved == true")
	}
	return &condition{compiled}, nil
}

// holds evaluates the condition. A key that isn't there yet, values that can't be compared and an evaluation beyond the
// limits count as false.
func (c *condition) holds(ctx context.Context, t *thread) bool {
	return c.expression.Holds(ctx, map[string]any{"state": t.state, "outputs": t.outputs})
}
