package runs

import (
	"context"
	"time"

	"beckon/internal/problem"
)

// How long a run waits before it is looked whether its budget is there again: it may be raised at any time.
const (
	budgetFirstWait = 10 * time.Second
	budgetMostWait  = time.Minute
)

// usedUp returns failure if it says that a budget is used up for now, and the run is one from the queue whose
// client has such runs wait. Otherwise it returns nil.
func (s *Service) usedUp(a *Active, failure error) *problem.Error {
	if failure == nil || !a.claimed || s.Waits == nil || !problem.Is(failure, problem.OverBudget) ||
		!s.Waits(a.run.ClientID) {
		return nil
	}
	if p := problem.Of(failure); p.Code == problem.CodeBudgetExhausted && p.RetryAfter > 0 {
		return p
	}
	return nil // it will never be enough
}

// flowWaits reports, before a flow begins, that nothing is left of a budget that holds it. An agent finds out when
// it asks its model, and may have a fallback that costs nothing.
func (s *Service) flowWaits(ctx context.Context, a *Active) *problem.Error {
	if !a.run.IsFlow || s.Budget == nil || s.Waits == nil || !s.Waits(a.run.ClientID) {
		return nil
	}
	return s.usedUp(a, s.Budget(ctx, a.run.ClientID, ""))
}

// waitForBudget puts a run back into the queue, until its budget may be there again.
func (s *Service) waitForBudget(a *Active, why *problem.Error) {
	s.leave(a, min(why.RetryAfter, budgetFirstWait*time.Duration(max(a.run.Attempts, 1)), budgetMostWait), why)
}
