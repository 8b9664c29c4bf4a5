package gateway

import (
	"context"

	"beckon/agents"
	"beckon/budgets"
	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/problem"
	"beckon/internal/spend"
)

// budgetsOf returns the budgets that hold the requests of an agent for a client.
func (g *Gateway) budgetsOf(clientID, agentID string) (b budgets.InForce) {
	now := g.inForce.Load()
	if now.budget.IsSet() {
		b.Server = &now.budget
	}
	if client := now.Clients.Get(clientID); client != nil {
		b.Client = client.Budget
	}
	if agent := now.Agents.Get(agentID); agent != nil {
		b.Agent = agent.Budget
	}
	return b
}

// ownedBudgets returns all budgets of a view that are set: the server's, those of clients, and those of agents.
func ownedBudgets(v *catalog.View, server *spend.Budget) (list []budgets.Owned) {
	add := func(scope, id string, b *spend.Budget) {
		if b.IsSet() {
			list = append(list, budgets.Owned{Scope: scope, ID: id, Budget: b})
		}
	}
	add(budgets.ScopeServer, "", server)
	for _, c := range catalog.All[clients.Client](v) {
		add(budgets.ScopeClient, c.ID, c.Budget)
	}
	for _, a := range catalog.All[agents.Agent](v) {
		add(budgets.ScopeAgent, a.ID, a.Budget)
	}
	return list
}

// budgetUses returns how much of all budgets is used up.
func (g *Gateway) budgetUses(ctx context.Context) ([]budgets.Use, error) {
	return g.budgets.Uses(ctx, g.inForce.Load().ownedBudgets)
}

// warnOfPrices logs which agents cannot be asked because a budget is in USD, and their model has no price.
func (g *Gateway) warnOfPrices(v *catalog.View, server *spend.Budget, prices *spend.Prices) {
	for _, c := range withoutPrice(v, server, prices) {
		g.Log.Warn("a model has no price, and a budget is in USD: requests to it are refused. "+
			"Give it a price in prices, which may be 0, or the budget tokens",
			"agent", c.agent, "model", c.model)
	}
}

// Unpriced are the agents of a view whose requests a budget in USD refuses, because their models have no price.
func Unpriced(v *catalog.View) (list []problem.Finding) {
	c, ok := v.File.(*config.Config)
	if !ok {
		return nil
	}
	for _, u := range withoutPrice(v, &c.Server.Budget, spend.NewPrices(c.Prices)) {
		f := problem.Finding{Section: "agents", ID: u.agent}
		f.Fields.Add("model",
			"%q has no price, and a budget is in USD: requests to it are refused. Give it a price in prices, "+
				"which may be 0, or the budget tokens", u.model)
		list = append(list, f)
	}
	return list
}

type unpriced struct{ agent, model string }

// withoutPrice returns the agents that a budget in USD holds, with those of their models that have no price.
func withoutPrice(v *catalog.View, server *spend.Budget, prices *spend.Prices) (list []unpriced) {
	held := map[string]bool{}
	for _, c := range catalog.All[clients.Client](v) {
		for _, id := range c.AllowedAgents {
			held[id] = held[id] || c.Budget.HasUSD()
		}
	}
	for _, f := range catalog.All[agents.Flow](v) {
		if held[f.ID] {
			f.EachAgent(func(id string) { held[id] = true })
		}
	}
	types := map[string]string{}
	for _, p := range catalog.All[agents.Provider](v) {
		types[p.ID] = p.Type
	}
	for _, a := range catalog.All[agents.Agent](v) {
		if !held[a.ID] && !a.Budget.HasUSD() && !server.HasUSD() {
			continue
		}
		asked := append([]agents.Fallback{{Provider: a.Provider, Model: a.Model}}, a.Fallbacks...)
		for _, f := range asked {
			model := f.Model
			if model == "" {
				model = a.Model
			}
			if t := types[f.Provider]; t != "" && t != "template" && prices.Of(model) == nil {
				list = append(list, unpriced{a.ID, model})
			}
		}
	}
	return list
}
