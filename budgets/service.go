// Package budgets knows what models cost, and holds it within budgets.
package budgets

import (
	"context"

	"beckon/agents"
	"beckon/internal/spend"
	"beckon/internal/telemetry"
	"beckon/runs"
)

// Config is what a Service is made of.
type Config struct {
	Metrics *telemetry.Metrics
	Prices  func() *spend.Prices // in force
}

// Service counts what the requests to models cost. It is safe for concurrent use.
type Service struct{ Config }

// New returns a Service.
func New(c Config) *Service { return &Service{c} }

// Of returns what counts the requests of a run.
func (s *Service) Of(r *runs.Run) agents.Spend { return &account{service: s, clientID: r.ClientID} }

// account is what counts the requests of one run.
type account struct {
	service  *Service
	clientID string
}

// Begin implements agents.Spend.
func (a *account) Begin(_ context.Context, r agents.ModelRequest) (agents.Expense, error) {
	return &expense{account: a, agent: r.Agent, model: r.Model, price: a.service.Prices().Of(r.Model)}, nil
}

// expense is what one request costs.
type expense struct {
	account      *account
	agent, model string
	price        *spend.Price // nil for a model without one
}

// MaxTokens implements agents.Expense.
func (*expense) MaxTokens() int64 { return 0 }

// End implements agents.Expense.
func (e *expense) End(u agents.Usage, how agents.ExpenseEnd) (cost spend.Cost) {
	if e.price == nil || how == agents.UsageUnknown {
		return cost
	}
	if how == agents.UsageKnown {
		if cost.Amount, cost.IsKnown = e.price.Cost(u.Use()); !cost.IsKnown {
			return spend.Cost{}
		}
		e.account.service.Metrics.Cost(e.account.clientID, e.agent, e.model, cost.Amount.Float())
	}
	cost.IsKnown = true
	return cost
}
