package config

import (
	"slices"

	"beckon/agents"
)

// referencesOf returns what a resource of the file or of the database refers to by itself.
func (c *Config) referencesOf(database Resources, key resourceKey) []resourceKey {
	if list := c.Resources.references(key); list != nil {
		return list
	}
	return database.references(key)
}

// references returns what a resource refers to by itself, and not through another one.
func (r *Resources) references(key resourceKey) (list []resourceKey) {
	invoked := func(ids ...string) {
		for _, id := range ids { // agents and flows share their ids
			list = append(list, resourceKey{agents.SectionAgents, id}, resourceKey{agents.SectionFlows, id})
		}
	}
	switch key.section {
	case agents.SectionAgents:
		if i := indexOf(r.Agents, key.id); i >= 0 {
			for _, id := range r.Agents[i].Providers() {
				list = append(list, resourceKey{agents.SectionProviders, id})
			}
		}
	case agents.SectionFlows:
		if i := indexOf(r.Flows, key.id); i >= 0 {
			invoked(stepAgents(r.Flows[i].Root)...)
		}
	case SectionCommands:
		if i := indexOf(r.Commands, key.id); i >= 0 {
			invoked(r.Commands[i].AgentID)
		}
	case SectionClients:
		if i := indexOf(r.Clients, key.id); i >= 0 {
			invoked(r.Clients[i].AllowedAgents...)
			list = append(list, resourceKey{SectionCommands, r.Clients[i].CommandID})
		}
	case SectionEndpoints:
		if i := indexOf(r.Endpoints, key.id); i >= 0 {
			invoked(r.Endpoints[i].Agents...)
			for _, id := range r.Endpoints[i].Clients {
				list = append(list, resourceKey{SectionClients, id})
			}
		}
	}
	return list
}

func stepAgents(s agents.Step) (ids []string) {
	if s.AgentID != "" {
		ids = append(ids, s.AgentID)
	}
	for _, child := range s.Steps {
		ids = append(ids, stepAgents(child)...)
	}
	return ids
}

// onlyThrough reports whether a resource would break because it refers to another one that does, and does not refer to
// the one that is changed.
func onlyThrough(refersTo []resourceKey, changed resourceKey, breaks func(resourceKey) bool) bool {
	return !slices.Contains(refersTo, changed) && slices.ContainsFunc(refersTo, breaks)
}
