package safety

import (
	"fmt"
	"slices"

	"beckon/agents"
	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/problem"
)

// UnusedTools finds the tools that no run may use, because an agent names them and no client that may call it does,
// or the other way round. An agent that no client of the view may call is not looked at: its clients may be stored
// elsewhere.
func UnusedTools(v *catalog.View) (list []problem.Finding) {
	named, called := map[string][]string{}, map[string]bool{} // by agents: what the clients name that may call them
	for _, c := range catalog.All[clients.Client](v) {
		var ofAgents []string
		for _, a := range reached(v, c.AllowedAgents) {
			ofAgents = append(ofAgents, a.Tools...)
			named[a.ID], called[a.ID] = append(named[a.ID], c.Tools...), true
		}
		if found := unnamed(c.Tools, ofAgents,
			"no agent that this client may call names %s in its tools, so that it is never used"); len(found) > 0 {
			list = append(list, problem.Finding{Section: "clients", ID: c.ID, Fields: found})
		}
	}
	for _, a := range catalog.All[agents.Agent](v) {
		if !called[a.ID] {
			continue
		}
		if found := unnamed(a.Tools, named[a.ID],
			"no client that may call this agent names %s in its tools, so that it is never offered"); len(found) > 0 {
			list = append(list, problem.Finding{Section: agents.SectionAgents, ID: a.ID, Fields: found})
		}
	}
	return list
}

// unnamed finds the patterns that have no tool in common with any of others.
func unnamed(patterns, others []string, format string) (found problem.Fields) {
	for i, p := range patterns {
		if !slices.ContainsFunc(others, func(other string) bool { return covers(p, other) || covers(other, p) }) {
			found.Add(fmt.Sprintf("tools[%d]", i), format, p)
		}
	}
	return found
}
