package config

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

func (e *Editor) addSections() {
	e.Providers = sectionOf(e, agents.SectionProviders, func(r *Resources) *[]agents.Provider { return &r.Providers }, e.made.Providers)
	e.Providers.prepare = func(p agents.Provider) agents.Provider { return mergeProvider(agents.Provider{}, p) }
	e.Providers.merge, e.Providers.check, e.Providers.moves = mergeProvider, e.checkProvider, movesProvider
	e.Agents = sectionOf(e, agents.SectionAgents, func(r *Resources) *[]agents.Agent { return &r.Agents }, e.made.Agents)
	e.Agents.check, e.Agents.rest = checkAgent, e.restOfAgent
	e.Flows = sectionOf(e, agents.SectionFlows, func(r *Resources) *[]agents.Flow { return &r.Flows }, e.made.Flows)
	e.Flows.rest = e.restOfFlow
	e.Commands = sectionOf(e, SectionCommands, func(r *Resources) *[]commands.Command { return &r.Commands }, e.made.Commands)
	e.Commands.rest = (*builder).wrongCommand
	e.Clients = &Section[clients.Client]{editor: e, name: SectionClients, part: func(r *Resources) *[]clients.Client { return &r.Clients },
		storage: e.made.Clients, create: e.made.Clients.CreateIn, remove: e.made.Clients.Delete,
		prepare: func(c clients.Client) clients.Client { return mergeClient(clients.Client{}, c) }, merge: mergeClient, check: checkClient, rest: (*builder).wrongClient}
	e.Endpoints = sectionOf(e, SectionEndpoints, func(r *Resources) *[]deliveries.Endpoint { return &r.Endpoints }, e.made.Endpoints.Documents)
	e.Endpoints.prepare, e.Endpoints.merge, e.Endpoints.check = deliveries.Endpoint.Prepared, deliveries.Endpoint.Revised, checkEndpoint
	e.Endpoints.moves, e.Endpoints.rest = movesEndpoint, (*builder).wrongEndpoint
	e.Endpoints.remove = e.made.Endpoints.RemoveIn
	e.Endpoints.know, e.Endpoints.settle = e.made.Endpoints.Complete, e.made.Endpoints.SettleIn
	e.Endpoints.create = func(tx *gorm.DB, item deliveries.Endpoint) (secret.String, error) {
		if err := e.made.Endpoints.Create(tx, item); err != nil {
			return "", err
		}
		return item.Secret, e.made.Endpoints.SettleIn(tx, item)
	}
}

// sectionOf is the section of a noun that consists of its documents alone.
func sectionOf[T noun](e *Editor, name string, part func(*Resources) *[]T, kept *catalog.Documents[T]) *Section[T] {
	return &Section[T]{editor: e, name: name, part: part, storage: kept, remove: kept.Delete,
		create: func(tx *gorm.DB, item T) (secret.String, error) { return "", kept.Create(tx, item) }}
}

// checkProvider also finds what otherwise comes to light with the provider's first agent.
func (e *Editor) checkProvider(_ *Config, _ Resources, p agents.Provider) (found problem.Fields) {
	if p.APIKey.IsReference() && !keyReference.MatchString(p.APIKey.Reveal()) {
		found.Add("apiKey", "can refer to a variable only if the variable's name ends in _API_KEY")
	}
	if p.APIKey == secret.Mask {
		found.Add("apiKey", onlyShown)
	}
	checkMasked(&found, p.URL)
	found.Under("headers", checkSecrets(p.Headers))
	if how := e.made.How.Providers[p.Type]; how != nil {
		_, wrong := how(p, agents.Agent{ID: "probe", Provider: p.ID, Model: "probe"})
		for _, f := range wrong {
			if path, ofProvider := strings.CutPrefix(f.Path, "provider."); ofProvider {
				found.Add(path, "%s", f.Message)
			}
		}
	}
	return found
}

// checkAgent blames the agent, and not the flow that was there first.
func checkAgent(_ *Config, planned Resources, a agents.Agent) (found problem.Fields) {
	if indexOf(planned.Flows, a.ID) >= 0 {
		found.Add("id", "%q is already the id of a flow", a.ID)
	}
	return found
}

// restOfAgent asks the agent's provider about an agent that has mistakes of its own.
func (e *Editor) restOfAgent(b *builder, a agents.Agent) problem.Fields {
	_, found := agents.NewSet(e.made.How, b.catalog.Providers, []agents.Agent{a}, nil)
	return fieldsOfOne(found, agents.SectionAgents, a.ID)
}

// restOfFlow looks for the agents and flows of a flow that has mistakes of its own.
func (e *Editor) restOfFlow(b *builder, f agents.Flow) problem.Fields {
	others := slices.DeleteFunc(slices.Clone(b.catalog.Flows), func(other agents.Flow) bool { return other.ID == f.ID })
	_, found := agents.NewSet(e.made.How, b.catalog.Providers, b.catalog.Agents, append(others, f))
	return fieldsOfOne(found, agents.SectionFlows, f.ID)
}

func fieldsOfOne(found []problem.Finding, section, id string) (fields problem.Fields) {
	for _, f := range found {
		if f.Section == section && f.ID == id {
			fields = append(fields, f.Fields...)
		}
	}
	return fields
}

func checkClient(_ *Config, _ Resources, c clients.Client) (found problem.Fields) {
	if c.WebhookSecret == secret.Mask {
		found.Add("webhookSecret", onlyShown)
	}
	return found
}

func checkEndpoint(c *Config, _ Resources, e deliveries.Endpoint) (found problem.Fields) {
	checkMasked(&found, e.URL)
	if err := egress.NewGuard(c.Egress.Networks).CheckURL(e.URL); err != nil {
		found.Add("url", "%v", err)
	}
	if e.Secret == secret.Mask {
		found.Add("secret", onlyShown)
	}
	if e.Secret.IsReference() {
		found.Add("secret", "cannot refer to a variable: that is for the configuration file")
	}
	found.Under("headers", checkSecrets(e.Headers))
	return found
}

// RotateToken gives a client a new token and returns it; the old one ends after overlap, which is clients.MaxOverlap at most.
func (e *Editor) RotateToken(ctx context.Context, who, id string, overlap time.Duration) (token secret.String, err error) {
	if overlap < 0 || overlap > clients.MaxOverlap {
		var wrong problem.Fields
		wrong.Add("overlap", "must be from 0s to %s", units.Duration(clients.MaxOverlap))
		return "", wrong.Err()
	}
	if e.Clients.inFile(e.made.Config(), id) {
		return "", problem.New(problem.Conflict, "managed_by_config", "The client %q is declared in the configuration file: change it, or its token, there.", id)
	}
	err = e.rotate(ctx, who, e.Clients.key(id), map[string]units.Duration{"overlap": units.Duration(overlap)}, func(tx *gorm.DB) error {
		token, err = e.made.Clients.RotateIn(tx, id, overlap)
		return err
	})
	return token, err
}

// RotateSecret gives an endpoint a new secret and returns it, or what verifies it; see deliveries.Registry.RotateIn.
func (e *Editor) RotateSecret(ctx context.Context, who, id string, given secret.String) (shown secret.String, err error) {
	if e.Endpoints.inFile(e.made.Config(), id) {
		return "", e.Endpoints.managedByConfig(id)
	}
	err = e.rotate(ctx, who, e.Endpoints.key(id), nil, func(tx *gorm.DB) error {
		shown, err = e.made.Endpoints.RotateIn(tx, id, given)
		return err
	})
	if problem.Is(err, problem.NotFound) {
		err = e.Endpoints.notFound(id)
	}
	return shown, err
}

func (e *Editor) rotate(ctx context.Context, who string, key resourceKey, what any, rotate func(tx *gorm.DB) error) error {
	err := e.made.Store.Write(ctx, func(tx *gorm.DB) error {
		if err := rotate(tx); err != nil {
			return err
		}
		return e.audit(tx, who, "rotate", key, nil, what)
	})
	if err == nil {
		e.changed(ctx)
	}
	return err
}
