// Package gate decides by a CEL expression whether an answer passes.
package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"

	"beckon/internal/expression"
	"beckon/internal/units"
)

// The verdicts.
const (
	Pass = "pass"
	Fail = "fail"
)

// maxQuoted bounds how much of an expression or of an error a reason quotes, in bytes.
const maxQuoted = 300

// Gate is a condition over the data of an answer. It is safe for concurrent use.
type Gate struct {
	text      string
	condition *expression.Expression
}

// Parse reads a gate.
func Parse(text string) (*Gate, error) {
	condition, err := expression.Compile(text,
		`there is data, as in data.verdict == "pass"`, cel.Variable("data", cel.DynType))
	switch {
	case err != nil:
		return nil, err
	case !condition.IsCondition() && condition.Type() != "dyn":
		return nil, errors.New(`must be true or false, not ` + condition.Type() +
			`: compare it, as in data.verdict == "pass"`)
	}
	return &Gate{strings.Join(strings.Fields(text), " "), condition}, nil
}

// Judge returns the verdict over the data of an answer, and why. data is nil for an answer that has none.
func (g *Gate) Judge(ctx context.Context, data json.RawMessage) (verdict, reason string) {
	if data == nil {
		return Fail, "The answer has no data for the gate to look at. Give the agent an output.schema, " +
			"such as output: {schema: findings}."
	}
	document, err := units.ReadJSON(data)
	if err != nil {
		return Fail, "The data of the answer cannot be read."
	}
	value, err := g.condition.Value(ctx, map[string]any{"data": document})
	switch holds, isCondition := value.(bool); {
	case err != nil:
		return Fail, fmt.Sprintf("The gate %s cannot be evaluated over the answer: %s.",
			shorten(g.text), shorten(err.Error()))
	case !isCondition:
		return Fail, fmt.Sprintf("The gate %s is neither true nor false over the answer.", shorten(g.text))
	case !holds:
		return Fail, fmt.Sprintf("The gate %s is not met.%s", shorten(g.text), count(document))
	}
	return Pass, fmt.Sprintf("The gate %s is met.%s", shorten(g.text), count(document))
}

// count says how many findings of which severity there are, in the order in which they come; empty where there are
// none.
func count(document any) string {
	object, _ := document.(map[string]any)
	list, _ := object["findings"].([]any)
	counts, order := map[string]int{}, []string(nil)
	for _, one := range list {
		finding, _ := one.(map[string]any)
		severity, _ := finding["severity"].(string)
		if severity == "" || len(severity) > 20 {
			continue
		}
		if counts[severity]++; !slices.Contains(order, severity) {
			order = append(order, severity)
		}
	}
	if len(order) == 0 {
		return ""
	}
	for i, severity := range order {
		order[i] = fmt.Sprintf("%d %s", counts[severity], severity)
	}
	return " Findings: " + strings.Join(order, ", ") + "."
}

func shorten(text string) string {
	text = strings.TrimRight(strings.Join(strings.Fields(text), " "), ".")
	if len(text) > maxQuoted {
		return strings.ToValidUTF8(text[:maxQuoted], "") + "…"
	}
	return text
}
