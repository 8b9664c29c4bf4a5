package budgets

import (
	"context"
	"slices"

	"beckon/internal/spend"
)

// Owned is a budget and whose it is.
type Owned struct {
	Scope  string // ScopeClient, …
	ID     string // of the client or agent; "" for the server
	Budget *spend.Budget
}

// Use is how much of a limit is used up, in USD or tokens. Of a limit of runs there is only the limit: each run has
// its own.
type Use struct {
	Scope    string   `json:"scope" enum:"client,agent,server"`
	ID       *string  `json:"id" doc:"Of the client or agent; null for the server."`
	Period   string   `json:"period" enum:"perRun,perDay,perMonth"`
	Unit     string   `json:"unit" enum:"USD,tokens"`
	Limit    float64  `json:"limit"`
	Used     *float64 `json:"used" doc:"Null for perRun: each run has a window of its own."`
	Reserved *float64 `json:"reserved" doc:"By requests that are under way."`
	Left     *float64 `json:"left"`
	ResetsAt *string  `json:"resetsAt" doc:"When the day or month ends."`
}

// Uses returns how much of budgets is used up.
func (s *Service) Uses(ctx context.Context, list []Owned) ([]Use, error) {
	var windows []window
	var ids []string
	for _, one := range list {
		one.Budget.Each(func(period string, limit spend.Limit) {
			w := s.window(one.Scope, one.ID, period, limit, "")
			windows, ids = append(windows, w), append(ids, w.id)
		})
	}
	uses := make([]Use, len(windows))
	if len(windows) == 0 {
		return uses, nil
	}
	all := map[string]taken{}
	for some := range slices.Chunk(ids, 4*rowsTogether) {
		part, err := s.storage.take(ctx, some)
		if err != nil {
			return nil, err
		}
		for id, has := range part {
			all[id] = has
		}
	}
	for i := range windows {
		uses[i] = s.useOf(&windows[i], all[windows[i].id])
	}
	return uses, nil
}

func (s *Service) useOf(w *window, has taken) Use {
	use := Use{Scope: w.scope, ID: orNull(w.of), Period: w.period, Unit: "USD"}
	number := func(n int64) float64 { return spend.Amount(n).Float() }
	if w.limit.InTokens {
		use.Unit, number = "tokens", func(n int64) float64 { return float64(n) }
	}
	use.Limit = number(w.limit.Most)
	if w.period == spend.PerRun && w.runID == "" {
		return use
	}
	used, reserved, left := number(has.used), number(has.reserved), number(max(w.limit.Most-has.sum(), 0))
	use.Used, use.Reserved, use.Left = &used, &reserved, &left
	if !w.endsAt.IsZero() {
		use.ResetsAt = orNull(w.endsAt.UTC().Format(timeFormat))
	}
	return use
}

// timeFormat is RFC 3339 in UTC with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z"

// Check reports, before a run is started, that a budget which holds it has nothing left. agentID is "" for a flow.
// It asks the database only where this process has not seen anything left.
func (s *Service) Check(ctx context.Context, clientID, agentID string) error {
	budgets := s.Budgets(clientID, agentID)
	if !budgets.Client.IsSet() && !budgets.Agent.IsSet() && !budgets.Server.IsSet() {
		return nil
	}
	windows := s.windowsOf(budgets, clientID, agentID, "")
	var doubtful []string
	s.mu.Lock()
	for i := range windows {
		w := &windows[i]
		if s.ahead != nil && s.ahead.free[w.id] > 0 {
			continue
		}
		if k, seen := s.known[w.id]; !seen || k.taken >= w.limit.Most {
			doubtful = append(doubtful, w.id)
		}
	}
	s.mu.Unlock()
	if len(doubtful) == 0 {
		return nil
	}
	all, err := s.storage.take(ctx, doubtful)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range windows {
		w := &windows[i]
		if !slices.Contains(doubtful, w.id) {
			continue
		}
		has := all[w.id]
		s.known[w.id] = known{has.sum(), w.endsAt.UnixMilli()}
		if has.sum() >= w.limit.Most {
			return w.exhausted(s.Now(), has, 0)
		}
	}
	return nil
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
