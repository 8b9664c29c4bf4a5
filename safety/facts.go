package safety

import (
	"fmt"

	"beckon/agents"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/catalog"
)

// Of returns the legs of a client in a configuration.
func Of(v *catalog.View, c clients.Client) Legs { return Judge(factsOf(v, c)) }

func factsOf(v *catalog.View, c clients.Client) Facts {
	f := Facts{Untrusted: untrusted(c)}
	for _, agent := range reached(v, c.AllowedAgents) {
		f.AddTools(Tools{AgentID: agent.ID, Agent: agent.Tools, Client: c.Tools, Approve: agent.Approve})
		if agent.Session != nil && !c.IsForm() {
			f.Private = append(f.Private, "the conversations of agent "+agent.ID)
		}
		if agent.Kind == agents.KindHTTP {
			f.Effects = append(f.Effects, Effect{What: fmt.Sprintf("the API that agent %s calls", agent.ID)})
		}
	}
	for _, e := range catalog.All[deliveries.Endpoint](v) {
		if e.IsEnabled() && e.TakesRunsOf(c.ID, c.AllowedAgents) {
			f.Effects = append(f.Effects, Effect{What: "the endpoint " + e.ID})
		}
	}
	if c.NamesCallbacks() {
		f.Effects = append(f.Effects, Effect{What: "the webhook that a call names"})
	}
	if c.IsForm() && c.Form.ShowsAnswer() {
		f.Effects = append(f.Effects, Effect{What: "the answer that visitors of the form see"})
	}
	return f
}

// untrusted says why what a client's calls say is not trusted; empty where it is.
func untrusted(c clients.Client) string {
	switch {
	case c.IsTrusted():
		return ""
	case c.IsForm():
		return "visitors of a web page fill in its form"
	case c.HasSource():
		return "it has the source " + c.Source
	case c.Template != "":
		return "a template puts parts of the request into the prompt"
	}
	return "it says trusted: false"
}

// reached returns the agents that calls may ask, directly or by flows, each once.
func reached(v *catalog.View, ids []string) (list []agents.Agent) {
	seen := map[string]bool{}
	var visit func(id string)
	visit = func(id string) {
		if seen[id] {
			return
		}
		seen[id] = true
		if agent, ok := catalog.Find[agents.Agent](v, id); ok {
			list = append(list, agent)
		} else if flow, ok := catalog.Find[agents.Flow](v, id); ok {
			flow.EachAgent(visit)
		}
	}
	for _, id := range ids {
		visit(id)
	}
	return list
}
