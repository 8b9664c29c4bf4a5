package budgets

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/spend"
)

const (
	mostOutput  = 8192 // tokens of an answer, where nobody has set a limit
	leastOutput = 16   // with less no answer is worth its prompt
	// patience is how long a request waits for a database that does not take its reservation.
	patience = 3 * time.Second
)

// account is what counts the requests of one run.
type account struct {
	service         *Service
	runID, clientID string
	claim           int64
	isRetried       bool // its process has died once
	run             runUse
}

// expense is what one request costs.
type expense struct {
	account      *account
	agent, model string
	price        *spend.Price // nil for a model without one
	reservation  *reservation // nil where no budget holds
}

// reservation is what is reserved for a request.
type reservation struct {
	id, runID string
	claim     int64
	windows   []window
	amounts   map[string]int64 // by the id of the window
	output    int64            // tokens that the answer may have
	run       *runUse          // of its run
	// isBorrowed says that it is in memory only: borrowed from what is reserved ahead (from), from what its run
	// has, or both.
	isBorrowed bool
	from       *ahead

	use        spend.Use // that is fixed: without an output, where that is what is left
	price      *spend.Price
	isFlexible bool
	refused    *problem.Error // why it was not made
	state      atomic.Int32   // isAsked, …
}

// The states of a reservation, for whoever has asked for it.
const (
	isAsked     = iota
	isTold      // what came of it
	isAbandoned // nobody waits for it any more
)

// Begin implements agents.Spend.
func (a *account) Begin(ctx context.Context, r agents.ModelRequest) (agents.Expense, error) {
	s := a.service
	e := &expense{account: a, agent: r.Agent, model: r.Model, price: s.Prices().Of(r.Model)}
	budgets := s.Budgets(a.clientID, r.Agent)
	if !budgets.Client.IsSet() && !budgets.Agent.IsSet() && !budgets.Server.IsSet() {
		return e, nil
	}
	e.reservation = &reservation{id: "res_" + ulid.Make().String(), runID: a.runID, claim: a.claim,
		windows: s.windowsOf(budgets, a.clientID, r.Agent, a.runID), use: r.Most(), price: e.price, run: &a.run}
	res := e.reservation
	for i := range res.windows {
		if w := &res.windows[i]; w.runID != "" && a.isRetried {
			w.unknown = w.limit.Most / runShare
		}
	}
	res.isFlexible = r.IsText && res.use.Output == 0
	if err := res.check(r); err != nil {
		return nil, err
	}
	if err := s.reserve(ctx, res); err != nil {
		return nil, err
	}
	return e, nil
}

// check reports what keeps a request from being reserved: a budget of money, and no price.
func (r *reservation) check(asked agents.ModelRequest) error {
	for i := range r.windows {
		w := &r.windows[i]
		if w.limit.InTokens {
			continue
		}
		priced := r.price != nil
		if priced {
			most := r.use
			if r.isFlexible {
				most.Output = 1
			}
			_, priced = r.price.Most(most)
		}
		if !priced {
			return problem.New(problem.OverBudget, problem.CodeNoPrice,
				"The model %q of agent %q has no price, and the budget %s of %s is in USD. "+
					"Give the model a price in prices, which may be 0, or the budget tokens.",
				asked.Model, asked.Agent, w.period, w.owner())
		}
	}
	return nil
}

// MaxTokens implements agents.Expense.
func (e *expense) MaxTokens() int64 {
	if e.reservation == nil {
		return 0
	}
	return e.reservation.output
}

// End implements agents.Expense.
func (e *expense) End(u agents.Usage, how agents.ExpenseEnd) (cost spend.Cost) {
	s := e.account.service
	switch {
	case e.price == nil:
	case how == agents.NothingUsed:
		cost.IsKnown = true
	case how == agents.UsageKnown:
		if amount, ok := e.price.Cost(u.Use()); ok {
			cost = spend.Cost{Amount: amount, IsKnown: true}
			s.Metrics.Cost(e.account.clientID, e.agent, e.model, amount.Float())
		}
	}
	if e.reservation != nil {
		s.settle(e.reservation, used{
			usd:    int64(cost.Amount),
			tokens: int64(max(u.TotalTokens, u.PromptTokens+u.CompletionTokens)),
			// What is not known may have cost all of it.
			allUSD:    how == agents.UsageUnknown || how == agents.UsageKnown && !cost.IsKnown,
			allTokens: how == agents.UsageUnknown,
		})
	}
	return cost
}

// used is what a request has used.
type used struct {
	usd, tokens       int64
	allUSD, allTokens bool             // all that was reserved
	each              map[string]int64 // by the id of the window, in place of all else; nil without it
}

// of returns how much of a window is used, of which so much was reserved.
func (u used) of(w *window, reserved int64) int64 {
	switch {
	case u.each != nil:
		return u.each[w.id]
	case w.limit.InTokens && u.allTokens, !w.limit.InTokens && u.allUSD:
		return reserved
	case w.limit.InTokens:
		return u.tokens
	}
	return u.usd
}

// fit decides how much is reserved in windows that have so much. It returns the window that leaves too little room,
// and how much the request needs of it at least.
func (r *reservation) fit(all map[string]*taken) (none *window, needed int64) {
	use := r.use
	if r.isFlexible {
		use.Output = mostOutput
		for i := range r.windows {
			w := &r.windows[i]
			use.Output = min(use.Output, r.outputFor(w, w.limit.Most-all[w.id].sum()))
		}
		if use.Output < leastOutput {
			use.Output = leastOutput
		}
	}
	r.output, r.amounts = use.Output, map[string]int64{}
	for i := range r.windows {
		w := &r.windows[i]
		amount := r.amountOf(w, use)
		if all[w.id].sum() > w.limit.Most-amount {
			return w, amount
		}
		r.amounts[w.id] = amount
	}
	return nil, 0
}

// amountOf returns how much of a window a use can need at most.
func (r *reservation) amountOf(w *window, use spend.Use) int64 {
	if w.limit.InTokens {
		return min(use.Input+use.Output, math.MaxInt64/4)
	}
	most, _ := r.price.Most(use)
	return min(int64(most), math.MaxInt64/4)
}

// outputFor returns how many tokens of an answer are left in a window of which so much is left.
func (r *reservation) outputFor(w *window, left int64) int64 {
	left -= r.amountOf(w, r.use)
	if w.limit.InTokens || left < 0 {
		return left
	}
	return r.price.OutputFor(spend.Amount(left))
}
