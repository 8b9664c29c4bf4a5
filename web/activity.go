package web

import (
	"cmp"
	"context"
	"slices"
	"time"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/runs"
)

const (
	// maxCounted is how many runs the key figures of a page are made from.
	maxCounted = 100
	// maxShown is how many of the newest runs and changes such a page lists.
	maxShown = 10
)

// activity is what has happened with one resource: its runs of the last 24 hours in figures, the newest of them, and its changes.
type activity struct {
	HasRuns   bool // runs are of it, so that there are figures
	Calls     string
	Period    string // that the other figures are about: "24 hours", or "latest 100 runs" where there are more
	Rate      string // of success; empty where nothing has ended
	P95       time.Duration
	Cost      string
	Last      *runRow
	Runs      []runRow
	AllRuns   string // the address of the list of its runs
	Changes   []auditRow
	AllAudits string
	UsedBy    []link // the agents of a provider, the first of them
	Users     int    // how many there are
}

// activityOf looks up what has happened with a resource.
func (w *Web) activityOf(ctx context.Context, f form, id string) (a activity, err error) {
	entries, _, err := w.Backend.Editor.AuditEntries(ctx, catalog.AuditQuery{Section: f.section, ResourceID: id, Limit: maxShown})
	if err != nil {
		return a, err
	}
	for _, e := range entries {
		a.Changes = append(a.Changes, newAuditRow(e))
	}
	a.AllAudits = filtered(auditPath, "section", f.section, "id", id)
	q := runs.Query{Limit: maxCounted, Brief: true}
	switch f.one {
	case "client":
		q.ClientID, a.AllRuns = id, filtered(runsPath, "client", id)
	case "agent", "flow":
		q.Agent, a.AllRuns = id, filtered(runsPath, "agent", id)
	case "provider":
		return a, w.addAgentsOf(ctx, &a, id)
	default:
		return a, nil
	}
	if w.Backend.Runs == nil {
		return a, nil
	}
	list, _, err := w.Backend.Runs.List(ctx, q)
	if err != nil {
		return a, err
	}
	a.HasRuns = true
	for _, r := range list[:min(len(list), maxShown)] {
		a.Runs = append(a.Runs, w.newRunRow(r))
	}
	if len(a.Runs) > 0 {
		a.Last = &a.Runs[0]
	}
	day := spanOf("24h")
	a.count(list, day.Title, day.since(w.Now()))
	return a, nil
}

// addAgentsOf adds the agents that ask a provider, first or as a fallback.
func (w *Web) addAgentsOf(ctx context.Context, a *activity, provider string) error {
	list, err := resources[agents.Agent](w).List(ctx)
	for _, r := range list {
		asks := func(f agents.Fallback) bool { return f.Provider == provider }
		if r.Item.Provider != provider && !slices.ContainsFunc(r.Item.Fallbacks, asks) {
			continue
		}
		if a.Users++; a.Users <= maxShown {
			a.UsedBy = append(a.UsedBy, link{addressOf("/admin/agents", r.Item.ID), cmp.Or(r.Item.Name, r.Item.ID)})
		}
	}
	return err
}

// count makes the key figures from the newest runs, of which those before a time are left out. They are measured like those of the
// overview: from the full hour, and from the start of a run to its end, to two digits.
func (a *activity) count(list []*runs.Run, period string, since time.Time) {
	var total runs.Tally
	total.ByStatus = map[runs.Status]int64{}
	var took []time.Duration
	for _, r := range list {
		if r.CreatedAt.Before(since) {
			break
		}
		total.ByStatus[r.Status]++
		total.Cost = total.Cost.Plus(r.Usage.Cost)
		if r.Status == runs.Completed {
			took = append(took, twoDigits(r.CompletedAt.Sub(r.StartedAt)))
		}
	}
	n := total.Runs()
	a.Period = period
	if a.Calls = number(n); n == maxCounted {
		a.Calls += "+"
		a.Period = "latest " + number(maxCounted) + " runs"
	}
	if rate, ok := total.SuccessRate(); ok {
		a.Rate = percent(rate)
	}
	if a.P95 = unknown; len(took) > 0 {
		slices.Sort(took)
		a.P95 = took[(len(took)*95-1)/100]
	}
	a.Cost = costText(total.Cost)
}

// twoDigits cuts a duration to milliseconds with two digits, as the statistics have it.
func twoDigits(d time.Duration) time.Duration {
	unit := time.Millisecond
	for d >= 100*unit {
		unit *= 10
	}
	return d.Truncate(unit)
}
