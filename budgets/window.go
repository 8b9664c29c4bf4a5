package budgets

import (
	"fmt"
	"time"

	"beckon/internal/problem"
	"beckon/internal/spend"
)

// The scopes of budgets: whose they are.
const (
	ScopeClient = "client"
	ScopeAgent  = "agent"
	ScopeServer = "server"
)

// window is one limit of one budget, in one day, month or run.
type window struct {
	id              string // of its row
	scope           string
	of              string // the id of the client or agent; "" for the server
	period          string // spend.PerRun, …
	limit           spend.Limit
	runID           string    // of a run's window
	beganAt, endsAt time.Time // of a day's or month's
	unknown         int64     // what counts as used where it is not on record
}

// windowsOf returns the windows that hold the requests of an agent for a client; runID is "" outside a run.
func (s *Service) windowsOf(budgets InForce, clientID, agentID, runID string) (list []window) {
	for _, one := range []struct {
		scope, of string
		budget    *spend.Budget
	}{
		{ScopeAgent, agentID, budgets.Agent},
		{ScopeClient, clientID, budgets.Client},
		{ScopeServer, "", budgets.Server},
	} {
		one.budget.Each(func(period string, limit spend.Limit) {
			if period != spend.PerRun || runID != "" {
				list = append(list, s.window(one.scope, one.of, period, limit, runID))
			}
		})
	}
	return list
}

// window returns the window of a limit that lasts now.
func (s *Service) window(scope, of, period string, limit spend.Limit, runID string) window {
	now := s.Now()
	if runID != "" && period == spend.PerRun {
		return s.newWindow(now, scope, of, period, limit, runID)
	}
	key := [3]string{scope, of, period}
	if last, ok := s.lasting.Load(key); ok { // to name a day costs more than all else here
		if w := last.(*window); w.limit == limit && now.Before(w.endsAt) && !now.Before(w.beganAt) {
			return *w
		}
	}
	w := s.newWindow(now, scope, of, period, limit, "")
	s.lasting.Store(key, &w)
	return w
}

func (s *Service) newWindow(now time.Time, scope, of, period string, limit spend.Limit, runID string) window {
	w := window{scope: scope, of: of, period: period, limit: limit}
	now = now.In(s.Zone)
	name := ""
	switch period {
	case spend.PerDay:
		name = now.Format(time.DateOnly)
		w.beganAt = time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, s.Zone)
		w.endsAt = time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, s.Zone)
	case spend.PerMonth:
		name = now.Format("2006-01")
		w.beganAt = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, s.Zone)
		w.endsAt = time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, s.Zone)
	default:
		name, w.runID = runID, runID
	}
	unit := "usd"
	if limit.InTokens {
		unit = "tokens"
	}
	w.id = scope + "/" + of + "/" + period + "/" + name + "/" + unit
	return w
}

// owner says whose budget it is.
func (w *window) owner() string {
	if w.scope == ScopeServer {
		return "the server (server.budget)"
	}
	return fmt.Sprintf("%s %q", w.scope, w.of)
}

// exhausted says that the window has no room for a request that needs so much. Retrying helps
// after running requests are settled, in the next window, or never; the error says which.
func (w *window) exhausted(now time.Time, taken taken, needed int64) *problem.Error {
	over := func(format string, args ...any) *problem.Error {
		return problem.New(problem.OverBudget, problem.CodeBudgetExhausted, format, args...)
	}
	switch {
	case needed > w.limit.Most:
		return over("A request of this agent can cost up to %s, and the budget %s of %s is %s. Raise the budget, "+
			"set or lower the agent's maxTokens, or shorten its prompt.",
			w.limit.Shown(needed), w.period, w.owner(), w.limit)
	case w.runID != "" && taken.used+needed > w.limit.Most:
		return over("The run has used up its budget: %s of %s is %s. Raise it, or ask for less.",
			w.period, w.owner(), w.limit)
	case taken.used+max(needed, 1) <= w.limit.Most:
		return over("The budget %s of %s (%s) is reserved by requests that are under way. Try again in a moment.",
			w.period, w.owner(), w.limit).After(retryReserved)
	}
	if left := w.limit.Most - taken.used; left > 0 {
		return over("Of the budget %s of %s (%s), %s is left, and this request can cost up to %s. "+
			"It is there again at %s, or when it is raised.",
			w.period, w.owner(), w.limit, w.limit.Shown(left), w.limit.Shown(needed),
			w.endsAt.Format("2006-01-02 15:04 MST")).After(w.wait(now))
	}
	return over("The budget %s of %s (%s) is used up. It is there again at %s, or when it is raised.",
		w.period, w.owner(), w.limit, w.endsAt.Format("2006-01-02 15:04 MST")).After(w.wait(now))
}

// wait returns how long the window lasts; 0 for that of a run.
func (w *window) wait(now time.Time) time.Duration {
	if w.endsAt.IsZero() {
		return 0
	}
	return max(w.endsAt.Sub(now), time.Second)
}

// retryReserved is when it makes sense to try again while others hold what is left.
const retryReserved = 2 * time.Second
