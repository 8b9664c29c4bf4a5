package web

import (
	"context"
	"net/url"
	"strings"
	"time"

	"beckon/budgets"
	"beckon/internal/problem"
	"beckon/internal/spend"
)

// budgetForm is a budget as it was typed.
type budgetForm struct{ PerRun, PerDay, PerMonth string }

func budgetFormOf(b *spend.Budget) (f budgetForm) {
	b.Each(func(period string, l spend.Limit) { *f.of(period) = typedLimit(l) })
	return f
}

func (f *budgetForm) of(period string) *string {
	return map[string]*string{spend.PerRun: &f.PerRun, spend.PerDay: &f.PerDay, spend.PerMonth: &f.PerMonth}[period]
}

// tokensUnit stands behind a limit of tokens.
const tokensUnit = "tokens"

func typedLimit(l spend.Limit) string {
	if l.InTokens {
		return l.String()
	}
	return spend.Amount(l.Most).Decimal()
}

func readBudgetForm(sent url.Values) budgetForm {
	return budgetForm{trimmed(sent, "budget.perRun"), trimmed(sent, "budget.perDay"), trimmed(sent, "budget.perMonth")}
}

// budget reads what was typed, and says what cannot be read.
func (f budgetForm) budget(wrong *problem.Fields) *spend.Budget {
	b := spend.Budget{PerRun: f.limit(wrong, spend.PerRun), PerDay: f.limit(wrong, spend.PerDay), PerMonth: f.limit(wrong, spend.PerMonth)}
	if !b.IsSet() {
		return nil
	}
	return &b
}

func (f budgetForm) limit(wrong *problem.Fields, period string) *spend.Limit {
	typed := strings.TrimPrefix(*f.of(period), "$")
	if typed == "" {
		return nil
	}
	var l spend.Limit
	number, inTokens := strings.CutSuffix(typed, tokensUnit)
	if err := l.UnmarshalText([]byte(strings.TrimSpace(number))); err != nil {
		wrong.Add("budget."+period, "must be an amount of USD such as 5, or tokens such as 200000 tokens")
		return nil
	}
	if inTokens {
		l = spend.Limit{Most: l.Most / int64(spend.USD), InTokens: true}
	}
	return &l
}

// Budget are the fields of a budget.
func (f nounForm[F]) Budget(b budgetForm) []field {
	return []field{
		f.Text("budget.perRun",
			"Budget per run", b.PerRun,
			"In USD, such as 0.20, or in tokens, such as 20000 tokens. "+
				"A run that needs more fails. Empty: no limit.").WithPlaceholder("0.20"),
		f.Text("budget.perDay",
			"Budget per day", b.PerDay, "Raising it takes effect at once; what was used today stays counted.").WithPlaceholder("5"),
		f.Text("budget.perMonth", "Budget per month", b.PerMonth, "Days and months follow server.timezone.").WithPlaceholder("50"),
	}
}

// budgetLine is how much of one limit is used up.
type budgetLine struct {
	Period                      string
	Limit, Used, Reserved, Left string
	Resets                      time.Time
}

// budgetLines are the limits of a budget that last a day or month.
func (w *Web) budgetLines(ctx context.Context, scope, id string, b *spend.Budget) ([]budgetLine, error) {
	if w.Backend.Budgets == nil || id == "" && scope != budgets.ScopeServer || !b.IsSet() {
		return nil, nil
	}
	uses, err := w.Backend.Budgets(ctx, []budgets.Owned{{Scope: scope, ID: id, Budget: b}})
	var lines []budgetLine
	for _, u := range uses {
		if u.Used == nil {
			continue
		}
		shown := func(n float64) string {
			if u.Unit == tokensUnit {
				return number(int64(n))
			}
			return spend.Amount(n * float64(spend.USD)).String()
		}
		line := budgetLine{Period: map[string]string{spend.PerDay: "today", spend.PerMonth: "this month"}[u.Period],
			Limit: shown(u.Limit), Used: shown(*u.Used), Reserved: shown(*u.Reserved), Left: shown(*u.Left)}
		if u.Unit == tokensUnit {
			line.Limit += " " + tokensUnit
		}
		if u.ResetsAt != nil {
			line.Resets, _ = time.Parse(time.RFC3339, *u.ResetsAt)
		}
		lines = append(lines, line)
	}
	return lines, err
}
