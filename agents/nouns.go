package agents

import (
	"slices"
	"strings"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/tools/names"
)

// The sections of the nouns of this package. What can be invoked, agents and flows alike, is a group of that name.
const (
	SectionProviders = "providers"
	SectionAgents    = "agents"
	SectionFlows     = "flows"
)

// ProviderNoun declares providers.
func ProviderNoun(factories Factories) catalog.Noun[Provider] {
	return catalog.Noun[Provider]{
		Kind: catalog.Kind{Section: SectionProviders, One: "provider"},
		Secrets: func(p *Provider) catalog.Secrets {
			return catalog.Secrets{
				URL:     &p.URL,
				Headers: &p.Headers,
				Keys:    map[string]*secret.String{"apiKey": &p.APIKey},
			}
		},
		LookUp: lookUpKey,
		Revise: func(have, next Provider) Provider {
			if next.Exempt = have.Exempt; next.URL != have.URL || next.APIKey != have.APIKey {
				next.Exempt = ""
			}
			return next
		},
		CheckChange: func(_ *catalog.View, _, p Provider) problem.Fields { return factories.probe(p) },
	}
}

// lookUpKey returns a provider of the database with the value of the variable that its key names. Whoever may edit
// providers could send a variable of the environment to a server of their own by that, so it has to be one of those
// that admin.variables lists. caution says why it cannot be named for another URL.
func lookUpKey(f catalog.File, env catalog.Env, p Provider) (_ Provider, wrong, caution problem.Fields) {
	name, ok := p.APIKey.Reference()
	if !ok {
		return p, nil, nil
	}
	switch listed := slices.Contains(f.Variables(), name); {
	case listed, p.Exempt == ExemptFirstStart:
	case p.Exempt == ExemptEarlier:
		caution.Add("apiKey",
			"admin.variables does not list the variable %s. It goes on to work for this URL only: list it there, "+
				"or give the key itself", name)
	default:
		wrong.Add("apiKey",
			"admin.variables does not list the variable %s, so that it cannot be used here: list it there, "+
				"or give the key itself", name)
		return p, wrong, nil
	}
	value, _ := env(name)
	if p.APIKey = secret.String(value); value == "" {
		wrong.Add("apiKey", "the variable %s is not set", name)
	}
	return p, wrong, caution
}

// probe finds what otherwise comes to light with the provider's first agent.
func (f Factories) probe(p Provider) (found problem.Fields) {
	if newInvoker := f.Providers[p.Type]; newInvoker != nil {
		_, wrong := newInvoker(p, Agent{ID: "probe", Provider: p.ID, Model: "probe"})
		for _, f := range wrong {
			if path, ofProvider := strings.CutPrefix(f.Path, "provider."); ofProvider {
				found.Add(path, "%s", f.Message)
			}
		}
	}
	return found
}

// AgentNoun declares agents.
func AgentNoun() catalog.Noun[Agent] {
	return catalog.Noun[Agent]{
		Kind: catalog.Kind{Section: SectionAgents, One: "agent"},
		Secrets: func(a *Agent) catalog.Secrets {
			if a.Request == nil {
				return catalog.Secrets{}
			}
			request := *a.Request // the agent is a copy; what it points to is not
			a.Request = &request
			origin := Origin(request.URL)
			return catalog.Secrets{URL: &origin, Headers: &request.Headers, HeadersPath: "request.headers"}
		},
		Cautions: Agent.cautions,
		References: func(a Agent) (list []catalog.Reference) {
			if a.Provider != "" {
				list = append(list, catalog.Reference{Path: "provider", To: SectionProviders, ID: a.Provider})
			}
			list = append(list, names.References("tools", a.Tools)...)
			list = append(list, names.References("approve", a.Approve)...)
			for i, f := range a.Fallbacks {
				list = append(list, catalog.Reference{
					Path: fallbackPath(i) + ".provider",
					To:   SectionProviders,
					ID:   f.Provider,
				})
			}
			return list
		},
	}
}

// FlowNoun declares flows, and links them with the agents and providers.
func FlowNoun(factories Factories) catalog.Noun[Flow] {
	return catalog.Noun[Flow]{
		Kind: catalog.Kind{Section: SectionFlows, One: "flow", Group: SectionAgents},
		References: func(f Flow) (list []catalog.Reference) {
			walkAgents(f.Root, "root", 1, func(field string, _ int, id string) {
				list = append(list, catalog.Reference{Path: field, To: SectionAgents, ID: id})
			})
			return list
		},
		Link: func(v *catalog.View, report func(section, id string, found problem.Fields)) {
			factories := factories
			factories.Skills = skillsOf(v.File)
			set, findings := NewSet(factories, catalog.All[Provider](v), catalog.All[Agent](v), catalog.All[Flow](v))
			catalog.Keep(v, set)
			for _, f := range findings {
				report(f.Section, f.ID, f.Fields)
			}
		},
	}
}

// SetOf is what can be invoked of a view.
func SetOf(v *catalog.View) *Set { return catalog.Kept[*Set](v) }
