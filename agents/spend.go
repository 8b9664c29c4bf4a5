package agents

import (
	"context"

	"beckon/internal/spend"
)

// Spend knows what the requests of a run to models cost, and whether a budget is left for them. Its methods may be
// called from several goroutines.
type Spend interface {
	// Begin is called before each request is sent. A problem of kind OverBudget says that a budget does not pay for it.
	Begin(ctx context.Context, r ModelRequest) (Expense, error)
}

// ModelRequest is a request to a model before it is sent.
type ModelRequest struct {
	Agent string
	Model string
	// Most is what it may use at most. It is called where a budget holds.
	Most func() spend.Use
	// IsText says that it is answered with a text. Where Most has no output, nothing bounds that yet, and
	// Expense.MaxTokens does.
	IsText bool
}

// Expense is what one request to a model costs. End is called once.
type Expense interface {
	// MaxTokens is how many tokens the answer may have at most; 0 where no budget holds.
	MaxTokens() int64
	// End says what the request has used, and returns what that costs.
	End(u Usage, how ExpenseEnd) spend.Cost
}

// ExpenseEnd says how much is known of what a request has used.
type ExpenseEnd int

// Where the usage is not known, the provider may ask for as much as the request could cost.
const (
	UsageKnown   ExpenseEnd = iota // the provider has said it
	UsageUnknown                   // the request may have been answered, and nobody has said what it used
	NothingUsed                    // the provider was not reached, or has refused the request
)
