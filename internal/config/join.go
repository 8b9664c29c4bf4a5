package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// join fills the catalog with the file's resources and those of the database that stand on their own.
func (b *builder) join(database Resources) {
	file, all, stored := &b.config.Resources, &b.catalog.Resources, &b.catalog.stored
	all.Providers, stored.Providers = joinSection(b, agents.SectionProviders, file.Providers, database.Providers)
	all.Agents, stored.Agents = joinSection(b, agents.SectionAgents, file.Agents, database.Agents)
	all.Flows, stored.Flows = joinSection(b, agents.SectionFlows, file.Flows, database.Flows)
	all.Commands, stored.Commands = joinSection(b, SectionCommands, file.Commands, database.Commands)
	all.Clients, stored.Clients = joinSection(b, SectionClients, file.Clients, database.Clients)
	all.Endpoints, stored.Endpoints = joinSection(b, SectionEndpoints, file.Endpoints, database.Endpoints)
}

func joinSection[T noun](b *builder, section string, file, database []T) (all, stored []T) {
	for _, item := range file {
		if key := (resourceKey{section, item.Key()}); !b.catalog.fromFile[key] {
			b.catalog.fromFile[key] = true
			all = append(all, item)
		}
	}
	for _, item := range database {
		wrong := lostIn(reflect.ValueOf(item), "")
		if len(wrong) == 0 {
			wrong = item.Check()
		}
		if b.admits(section, item.Key(), wrong) {
			stored = append(stored, item)
		}
	}
	return append(all, stored...), slices.Clone(stored)
}

// lostIn finds the secrets that the key does not open.
func lostIn(v reflect.Value, path string) (found problem.Fields) {
	switch {
	case v.Type() == secretType:
		if v.Interface() == secret.Lost {
			found.Add(path, "does not open: the secrets key (server.secretsKey, or the file secrets.key beside the database) is missing, or is not the one that sealed it. Restore it, or give the secret again")
		}
	case v.Kind() == reflect.Map && v.Type().Elem() == secretType:
		for _, name := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }) {
			found = append(found, lostIn(v.MapIndex(name), join(path, name.String()))...)
		}
	case v.Kind() == reflect.Struct && path == "":
		fields := fieldsOf(v)
		for _, name := range fields.names {
			found = append(found, lostIn(fields.byName[name], name)...)
		}
	}
	return found
}

// admits reports whether a resource of the database may be in the catalog, and warns when it may not.
func (b *builder) admits(section, id string, wrong problem.Fields) bool {
	var fields problem.Fields
	if b.catalog.fromFile[resourceKey{section, id}] {
		fields.Add("", "the configuration file declares one with this id, which hides the one in the database")
		b.warn(section, id, fields)
		return false
	}
	if b.seen[resourceKey{section, id}] {
		fields.Add("id", "is there twice")
		b.warn(section, id, fields)
		return false
	}
	b.seen[resourceKey{section, id}] = true
	fields.Under("", checkID(id))
	fields.Under("", wrong)
	if clash := b.invocable(section, id); clash != "" {
		fields.Add("id", "%q is already the id of %s in the configuration file", id, clash)
	}
	b.report(section, id, fields)
	return len(fields) == 0
}

// invocable says what of the file's agents and flows has the id of a database's flow or agent.
func (b *builder) invocable(section, id string) string {
	switch {
	case section == agents.SectionAgents && indexOf(b.config.Flows, id) >= 0:
		return "a flow"
	case section == agents.SectionFlows && indexOf(b.config.Agents, id) >= 0:
		return "an agent"
	}
	return ""
}

// checkReferences finds the references that lead nowhere; those of agents and flows have been checked by then.
func (b *builder) checkReferences() {
	all, set := &b.catalog.Resources, b.catalog.Set
	for _, a := range all.Agents {
		// NewSet blames the provider alone when that fails with its first agent.
		if set.Get(a.ID) == nil && !b.bad[resourceKey{agents.SectionAgents, a.ID}] {
			var fields problem.Fields
			fields.Add("provider", "there is no usable provider %q", a.Provider)
			b.report(agents.SectionAgents, a.ID, fields)
		}
	}
	b.commandAgent = map[string]string{}
	for _, c := range all.Commands {
		fields := b.wrongCommand(c)
		if len(fields) == 0 {
			b.commandAgent[c.ID] = c.AgentID
		}
		b.report(SectionCommands, c.ID, fields)
	}
	for _, c := range all.Clients {
		b.report(SectionClients, c.ID, b.wrongClient(c))
	}
	for _, e := range all.Endpoints {
		b.report(SectionEndpoints, e.ID, b.wrongEndpoint(e))
	}
}

func (b *builder) wrongCommand(c commands.Command) (fields problem.Fields) {
	if c.AgentID != "" && b.catalog.Set.Get(c.AgentID) == nil {
		fields.Add("agentId", "there is no usable agent or flow %q", c.AgentID)
	}
	return fields
}

func (b *builder) wrongClient(c clients.Client) (fields problem.Fields) {
	fields = b.missingAgents("allowedAgents", c.AllowedAgents)
	if _, err := clients.ParseTemplate(c.Template); c.Template != "" && err != nil {
		fields.Add("template", "%s", err)
	}
	agent, ok := b.commandAgent[c.CommandID]
	switch {
	case c.CommandID == "":
	case !ok:
		fields.Add("commandId", "there is no usable command %q", c.CommandID)
	case agent != "" && !slices.Contains(c.AllowedAgents, agent):
		fields.Add("allowedAgents", "must hold %q, which the command %q runs on", agent, c.CommandID)
	}
	return fields
}

func (b *builder) wrongEndpoint(e deliveries.Endpoint) (fields problem.Fields) {
	fields = b.missingAgents("agents", e.Agents)
	for i, id := range e.Clients {
		if indexOf(b.catalog.Clients, id) < 0 || b.bad[resourceKey{SectionClients, id}] {
			fields.Add(fmt.Sprintf("clients[%d]", i), "there is no usable client %q", id)
		}
	}
	fields.Under("events", unknownEvents(e.Events, b.catalog.Set))
	return fields
}

func (b *builder) missingAgents(field string, ids []string) (fields problem.Fields) {
	for i, id := range ids {
		if b.catalog.Set.Get(id) == nil {
			fields.Add(fmt.Sprintf("%s[%d]", field, i), "there is no usable agent or flow %q", id)
		}
	}
	return fields
}

// unknownEvents finds the names in a filter that no event has; one that none can have has been found by then.
func unknownEvents(names []string, set *agents.Set) (fields problem.Fields) {
	builtIn := deliveries.EventNames()
	known := append(slices.Clone(builtIn), set.EventNames()...)
	for i, name := range names {
		if !agents.ValidEventName(name) || slices.Contains(known, name) {
			continue
		}
		if meant := problem.Nearest(name, known); meant != "" {
			fields.Add(fmt.Sprintf("[%d]", i), "there is no event %q; did you mean %s?", name, meant)
		} else {
			fields.Add(fmt.Sprintf("[%d]", i), "there is no event %q; there are %s, and those that agents and flows name in their events", name, strings.Join(builtIn, ", "))
		}
	}
	return fields
}

func (b *builder) leaveOutBad() {
	for _, r := range []*Resources{&b.catalog.Resources, &b.catalog.stored} {
		r.Providers = usable(b, agents.SectionProviders, r.Providers)
		r.Agents = usable(b, agents.SectionAgents, r.Agents)
		r.Flows = usable(b, agents.SectionFlows, r.Flows)
		r.Commands = usable(b, SectionCommands, r.Commands)
		r.Clients = usable(b, SectionClients, r.Clients)
		r.Endpoints = usable(b, SectionEndpoints, r.Endpoints)
	}
}

func usable[T noun](b *builder, section string, list []T) []T {
	return slices.DeleteFunc(list, func(item T) bool { return b.bad[resourceKey{section, item.Key()}] })
}
