package agents

import (
	"strings"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// The sections of the nouns of this package. What can be invoked, agents and flows alike, is a group of that name.
const (
	SectionProviders = "providers"
	SectionAgents    = "agents"
	SectionFlows     = "flows"
)

// ProviderNoun declares providers.
func ProviderNoun(how Factories) catalog.Noun[Provider] {
	return catalog.Noun[Provider]{
		Kind: catalog.Kind{Section: SectionProviders, One: "provider"},
		Secrets: catalog.Secrets[Provider]{
			URL:       func(p *Provider) *string { return &p.URL },
			Headers:   func(p *Provider) *map[string]secret.String { return &p.Headers },
			Keys:      func(p *Provider) map[string]*secret.String { return map[string]*secret.String{"apiKey": &p.APIKey} },
			Variables: true,
		},
		CheckChange: func(_ *catalog.View, p Provider) problem.Fields { return how.probe(p) },
	}
}

// probe finds what otherwise comes to light with the provider's first agent.
func (how Factories) probe(p Provider) (found problem.Fields) {
	if newInvoker := how.Providers[p.Type]; newInvoker != nil {
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
func AgentNoun(how Factories) catalog.Noun[Agent] {
	return catalog.Noun[Agent]{
		Kind: catalog.Kind{Section: SectionAgents, One: "agent"},
		References: func(a Agent) []catalog.Reference {
			return []catalog.Reference{{Path: "provider", To: SectionProviders, ID: a.Provider}}
		},
		CheckUnlinked: func(v *catalog.View, a Agent) problem.Fields {
			_, found := NewSet(how, catalog.All[Provider](v), []Agent{a}, nil)
			return fieldsOf(found, SectionAgents, a.ID)
		},
	}
}

// FlowNoun declares flows, and links them with the agents and providers.
func FlowNoun(how Factories) catalog.Noun[Flow] {
	return catalog.Noun[Flow]{
		Kind: catalog.Kind{Section: SectionFlows, One: "flow", Group: SectionAgents},
		References: func(f Flow) (list []catalog.Reference) {
			walkAgents(f.Root, "root", 1, func(field string, _ int, id string) {
				list = append(list, catalog.Reference{Path: field, To: SectionAgents, ID: id})
			})
			return list
		},
		Link: func(v *catalog.View, report func(section, id string, found problem.Fields)) {
			set, findings := NewSet(how, catalog.All[Provider](v), catalog.All[Agent](v), catalog.All[Flow](v))
			catalog.Keep(v, set)
			for _, f := range findings {
				report(f.Section, f.ID, f.Fields)
			}
		},
		CheckUnlinked: func(v *catalog.View, f Flow) problem.Fields {
			_, found := NewSet(how, catalog.All[Provider](v), catalog.All[Agent](v), append(catalog.All[Flow](v), f))
			return fieldsOf(found, SectionFlows, f.ID)
		},
	}
}

// SetOf is what can be invoked of a view.
func SetOf(v *catalog.View) *Set { return catalog.Kept[*Set](v) }

func fieldsOf(found []problem.Finding, section, id string) (fields problem.Fields) {
	for _, f := range found {
		if f.Section == section && f.ID == id {
			fields = append(fields, f.Fields...)
		}
	}
	return fields
}
