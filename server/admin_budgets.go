package server

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"beckon/budgets"
	"beckon/internal/spend"
)

// budgetDocument is a budget as the API shows it.
type budgetDocument struct {
	PerRun   *limitDocument `json:"perRun,omitempty" doc:"Of one run."`
	PerDay   *limitDocument `json:"perDay,omitempty" doc:"Of a day of server.timezone."`
	PerMonth *limitDocument `json:"perMonth,omitempty" doc:"Of a month of it."`
}

// limitDocument is an amount of USD, or {"tokens": 200000}.
type limitDocument struct{ spend.Limit }

// Schema implements huma.SchemaProvider.
func (limitDocument) Schema(huma.Registry) *huma.Schema {
	tokens := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"tokens"},
		Properties: map[string]*huma.Schema{"tokens": {Type: huma.TypeInteger, Format: "int64"}}}
	tokens.PrecomputeMessages()
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeNumber, Description: "USD"}, tokens}}
}

func budgetDocumentOf(b *spend.Budget) *budgetDocument {
	if !b.IsSet() {
		return nil
	}
	shown := func(l *spend.Limit) *limitDocument {
		if l == nil {
			return nil
		}
		return &limitDocument{*l}
	}
	return &budgetDocument{shown(b.PerRun), shown(b.PerDay), shown(b.PerMonth)}
}

func (d *budgetDocument) read() *spend.Budget {
	if d == nil {
		return nil
	}
	given := func(l *limitDocument) *spend.Limit {
		if l == nil {
			return nil
		}
		return &l.Limit
	}
	b := &spend.Budget{PerRun: given(d.PerRun), PerDay: given(d.PerDay), PerMonth: given(d.PerMonth)}
	if !b.IsSet() {
		return nil
	}
	return b
}

type budgetsOutput struct {
	Body struct {
		Items []budgets.Use `json:"items" nullable:"false"`
	}
}

func (s *Server) getBudgets(ctx context.Context, _ *struct{}) (*budgetsOutput, error) {
	out := &budgetsOutput{}
	out.Body.Items = []budgets.Use{}
	if s.Admin.Budgets == nil {
		return out, nil
	}
	uses, err := s.Admin.Budgets(ctx)
	out.Body.Items = append(out.Body.Items, uses...)
	return out, err
}
