package flow

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// The limits of one evaluation, so that an expression can neither hold up a flow nor be made to by what agents wrote.
const (
	maxExpression = 4096 // characters
	maxCost       = 10_000_000
	maxEvaluation = 250 * time.Millisecond
	checkEvery    = 100 // turns of a comprehension
)

// condition is a CEL expression over state and outputs that is true or false.
type condition struct {
	program cel.Program
}

func compile(expression string) (*condition, error) {
	env, err := cel.NewEnv(
		cel.Variable("state", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("outputs", cel.MapType(cel.StringType, cel.StringType)),
		cel.ParserExpressionSizeLimit(maxExpression),
	)
	if err != nil {
		return nil, fmt.Errorf("set up CEL: %w", err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, explainIssues(issues)
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return nil, errors.New("must be true or false, not " + ast.OutputType().String() + ": compare it, as in state.approved == true")
	}
	program, err := env.Program(ast, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(checkEvery))
	if err != nil {
		return nil, fmt.Errorf("is not a condition that can be evaluated: %w", err)
	}
	return &condition{program}, nil
}

// explainIssues explains the first error that the compiler has found: the others follow from it.
func explainIssues(issues *cel.Issues) error {
	first := issues.Errors()[0]
	message := strings.TrimPrefix(first.Message, "Syntax error: ")
	for _, known := range celMessages {
		if m := known.pattern.FindStringSubmatch(message); m != nil {
			message = known.meaning
			if len(m) > 1 {
				message = fmt.Sprintf(known.meaning, m[1])
			}
			break
		}
	}
	return fmt.Errorf("is not a CEL expression: %s (column %d)", message, first.Location.Column()+1)
}

// celMessages explain the compiler's messages to the author of an expression.
var celMessages = [...]struct {
	pattern *regexp.Regexp
	meaning string
}{
	{regexp.MustCompile(`^mismatched input '<EOF>'`), "it ends too early"},
	{regexp.MustCompile(`^token recognition error at: '= `), "= does not compare: write =="},
	{regexp.MustCompile(`^token recognition error at: '"`), "a quote is missing"},
	{regexp.MustCompile(`^token recognition error at: '(.+)'$`), "%s is not allowed here"},
	{regexp.MustCompile(`^(?:mismatched|extraneous) input '(.+?)' expecting `), "%s does not belong here"},
	{regexp.MustCompile(`^undeclared reference to '(.+?)'`), "there is no %s; there are state and outputs, as in state.approved"},
	{regexp.MustCompile(`^reserved identifier: (.+)$`), "%s is a reserved word of CEL"},
	{regexp.MustCompile(`^found no matching overload for '_?(.+?)_?' applied to `), "%s is not for values of these types"},
}

// holds evaluates the condition. A key that isn't there yet, values that can't be compared and an evaluation beyond the
// limits count as false.
func (c *condition) holds(ctx context.Context, t *thread) bool {
	ctx, cancel := context.WithTimeout(ctx, maxEvaluation)
	defer cancel()
	value, _, err := c.program.ContextEval(ctx, map[string]any{"state": t.state, "outputs": t.outputs})
	return err == nil && value == types.True
}
