package chat

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"slices"

	"beckon/agents"
	"beckon/agents/chat/completion"
	"beckon/internal/problem"
	"beckon/internal/spend"
)

// errCut ends a stream that goes on although its reserve is used up.
var errCut = problem.New(problem.OverBudget, problem.CodeBudgetExhausted,
	"The answer was cut off: the model has written more than it was asked for, and a budget has reserved no more. "+
		"Raise the budget, or maxTokens.")

// begin reserves what an attempt may cost. It returns how many tokens the answer may have, 0 for any number, and
// sets them in the mode, so that the provider is told.
func (d *dialog) begin(ctx context.Context, mode *askMode, known *lessons) (most int64, failed *failure) {
	if d.call.Spend == nil {
		return 0, nil
	}
	answers := d.request.answers
	expense, err := d.call.Spend.Begin(ctx, agents.ModelRequest{
		Agent:  d.agent,
		Model:  d.name,
		IsText: true,
		Most: func() spend.Use {
			asked := *mode
			asked.tokens = math.MaxInt32 // it takes as many bytes as any
			return spend.Use{
				Input:  int64(len(d.request.body(d.said, d.declared, asked, known))),
				Output: d.request.most * answers,
			}
		},
	})
	if err != nil {
		return 0, &failure{own: problem.Of(err)}
	}
	d.expense = expense
	most = expense.MaxTokens()
	mode.tokens = most / answers
	if known.mostTokens > 0 && d.request.most == 0 {
		mode.tokens = min(mode.tokens, known.mostTokens)
	}
	return most, nil
}

// pay says what an attempt has used, and returns what that costs.
func (d *dialog) pay(attempt *agents.Attempt, answer *completion.Completion, f *failure) (cost spend.Cost) {
	if d.expense == nil {
		return cost
	}
	var used agents.Usage
	if answer != nil {
		used = answer.Usage
	}
	cost = d.expense.End(used, endOf(used, f))
	d.expense, attempt.Cost = nil, cost.OrNil()
	return cost
}

// mayHaveUsed are statuses that a proxy gives while the provider may still work on the answer.
var mayHaveUsed = []int{http.StatusRequestTimeout, http.StatusGatewayTimeout, 524, 599}

// endOf says how much is known of what an attempt has used.
func endOf(used agents.Usage, f *failure) agents.ExpenseEnd {
	dial, isNet := errors.AsType[*net.OpError](errorOf(f))
	switch {
	case used.UsageDetails != (agents.UsageDetails{}) || used.TotalTokens > 0:
		return agents.UsageKnown
	case f == nil:
		return agents.UsageUnknown
	case isNet && dial.Op == "dial":
		return agents.NothingUsed
	case f.status != 0 && !slices.Contains(mayHaveUsed, f.status):
		return agents.NothingUsed
	case f.answer != nil && f.answer.Error != nil && f.answer.Text == "" && len(f.answer.Calls) == 0:
		return agents.NothingUsed
	}
	return agents.UsageUnknown
}

func errorOf(f *failure) error {
	if f == nil {
		return nil
	}
	return f.err
}

// limitNames are the members that limit the tokens of an answer.
var limitNames = []string{memberMaxTokens, memberMaxCompletion, responses.tokens}

// paramsLimit returns the limit of tokens that the configuration's own parameters have; 0 for none.
func (r *request) paramsLimit() (limit int64) {
	for _, name := range limitNames {
		limit = max(limit, numberOf(r.params[name]))
	}
	return limit
}

// limitOf returns the limit of tokens of an answer that is not to be lowered. set is what newRequest sends; where
// that is our own, it counts only where the model thinks first.
func (r *request) limitOf(set int64) int64 {
	switch limit := r.paramsLimit(); {
	case limit > 0:
		return limit
	case r.tokens && thinkingBudget(r.params) == 0:
		return 0
	}
	return set
}

// numberOf returns a whole number of the configuration; 0 for anything else.
func numberOf(value any) int64 {
	switch n := value.(type) {
	case int:
		return int64(n)
	case float64:
		return int64(n)
	}
	return 0
}
