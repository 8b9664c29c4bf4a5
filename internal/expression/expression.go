// Package expression evaluates CEL expressions within bounds of size, cost and time.
package expression

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/protobuf/types/known/structpb"
)

// The limits of one evaluation, so that neither an expression nor the data that it is evaluated over can hold up a run.
const (
	maxExpression = 4096 // characters
	maxCost       = 10_000_000
	maxEvaluation = 250 * time.Millisecond
	checkEvery    = 100 // turns of a comprehension
)

var jsonValue = reflect.TypeFor[*structpb.Value]()

// Expression is a compiled expression. It is safe for concurrent use.
type Expression struct {
	program cel.Program
	output  *cel.Type
	uses    map[string]bool // the variables that stand in it
}

// Compile reads an expression over variables. hint is put behind the complaint about a variable that does not exist: it
// names those that do.
func Compile(text, hint string, variables ...cel.EnvOption) (*Expression, error) {
	env, err := cel.NewEnv(append(variables, cel.ParserExpressionSizeLimit(maxExpression),
		cel.CustomTypeAdapter(values))...)
	if err != nil {
		return nil, fmt.Errorf("set up CEL: %w", err)
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, explain(issues, hint)
	}
	program, err := env.Program(ast, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(checkEvery),
		cel.CustomDecoratorV2(orderLiterals))
	if err != nil {
		return nil, fmt.Errorf("is not an expression that can be evaluated: %w", err)
	}
	uses := map[string]bool{}
	for _, reference := range ast.NativeRep().ReferenceMap() {
		if reference.Name != "" {
			uses[reference.Name] = true
		}
	}
	return &Expression{program, ast.OutputType(), uses}, nil
}

// IsCondition reports whether the expression is known to be true or false.
func (e *Expression) IsCondition() bool { return e.output.IsExactType(cel.BoolType) }

// IsList reports whether the expression may be a list.
func (e *Expression) IsList() bool {
	return e.output.Kind() == cel.ListKind || e.output.Kind() == cel.DynKind
}

// Mentions reports whether the expression uses a variable.
func (e *Expression) Mentions(variable string) bool { return e.uses[variable] }

// Type names the type of its values.
func (e *Expression) Type() string { return e.output.String() }

// TookTooLong reports whether an error is that of an evaluation beyond its time: at another moment it may have a value.
func TookTooLong(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// Holds reports whether a condition is true. A key that does not exist, values that cannot be compared and an
// evaluation beyond the limits count as false.
func (e *Expression) Holds(ctx context.Context, data map[string]any) bool {
	holds, err := e.Decide(ctx, data, maxEvaluation)
	return err == nil && holds
}

// Decide is Holds for those who want to know why a condition cannot be evaluated, within a time of their own.
func (e *Expression) Decide(ctx context.Context, data map[string]any, within time.Duration) (bool, error) {
	value, err := e.evaluate(ctx, data, within)
	if err != nil {
		return false, err
	}
	return value.Value() == true, nil
}

// Value evaluates the expression to what JSON decodes to: nil, bool, float64, string, []any or map[string]any.
func (e *Expression) Value(ctx context.Context, data map[string]any) (any, error) {
	value, err := e.evaluate(ctx, data, maxEvaluation)
	if err != nil {
		return nil, err
	}
	plain, err := value.ConvertToNative(jsonValue)
	if err != nil {
		return nil, errors.New("its value cannot be written as JSON")
	}
	return plain.(*structpb.Value).AsInterface(), nil
}

func (e *Expression) evaluate(ctx context.Context, data map[string]any, within time.Duration) (ref.Val, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	value, _, err := e.program.ContextEval(ctx, data)
	return value, err
}

// explain says what a person needs of the first thing that the compiler has found: the others follow from it.
func explain(issues *cel.Issues, hint string) error {
	first := issues.Errors()[0]
	message := strings.TrimPrefix(first.Message, "Syntax error: ")
	for _, known := range complaints {
		if m := known.pattern.FindStringSubmatch(message); m != nil {
			message = known.says
			if len(m) > 1 {
				message = fmt.Sprintf(known.says, m[1])
			}
			if known.isName {
				message += "; " + hint
			}
			break
		}
	}
	return fmt.Errorf("is not a CEL expression: %s (column %d)", message, first.Location.Column()+1)
}

// complaints are the compiler's, and what they mean to the author of the expression.
var complaints = [...]struct {
	pattern *regexp.Regexp
	says    string
	isName  bool
}{
	{regexp.MustCompile(`^mismatched input '<EOF>'`), "it ends too early", false},
	{regexp.MustCompile(`^token recognition error at: '= `), "= does not compare: write ==", false},
	{regexp.MustCompile(`^token recognition error at: '"`), "a quote is missing", false},
	{regexp.MustCompile(`^token recognition error at: '(.+)'$`), "%s is not allowed here", false},
	{regexp.MustCompile(`^(?:mismatched|extraneous) input '(.+?)' expecting `), "%s does not belong here", false},
	{regexp.MustCompile(`^no viable alternative at input '(.+?)'`), "%s does not belong here", false},
	{regexp.MustCompile(`^undeclared reference to '(.+?)'`), "there is no %s", true},
	{regexp.MustCompile(`^reserved identifier: (.+)$`), "%s is a reserved word of CEL", false},
	{regexp.MustCompile(`^found no matching overload for '_?(.+?)_?' applied to `), "%s is not for values of these types", false},
}
