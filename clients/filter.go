package clients

import (
	"errors"

	"github.com/google/cel-go/cel"

	"beckon/internal/expression"
)

// compileFilter reads a client's filter: a condition over what a call says.
func compileFilter(text string) (*expression.Expression, error) {
	compiled, err := compileOverCall(text)
	if err != nil {
		return nil, err
	}
	if !compiled.IsCondition() {
		return nil, errors.New("must be true or false, not " + compiled.Type() +
			`: compare it, as in event.state == "firing"`)
	}
	return compiled, nil
}

// compileOverCall reads an expression over what a call says.
func compileOverCall(text string) (*expression.Expression, error) {
	return expression.Compile(text, `there are event, body, headers and query, as in event.state`,
		cel.Variable("event", cel.MapType(cel.StringType, cel.DynType)), cel.Variable("body", cel.DynType),
		cel.Variable("headers", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("query", cel.MapType(cel.StringType, cel.DynType)))
}
