package deliveries

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// section is that of endpoints.
const section = "endpoints"

// Noun declares endpoints.
func Noun() catalog.Noun[Endpoint] {
	return catalog.Noun[Endpoint]{
		Kind: catalog.Kind{
			Section:  section,
			One:      "endpoint",
			HidesURL: func(field func(string) string) bool { return Endpoint{Format: field("format")}.IsDestination() },
		},
		Secrets:    secretsIn,
		References: references,
		LookUp: func(f catalog.File, _ catalog.Env, e Endpoint) (_ Endpoint, _, caution problem.Fields) {
			if !e.isMail() {
				caution = cautionPlain(f, e.address())
			}
			caution.Under("headers", e.checkReserved("is not sent. Take it out"))
			return e, nil, caution
		},
		CheckFile: func(f catalog.File, list []Endpoint) []problem.Fields {
			all := make([]problem.Fields, len(list))
			for i, e := range list {
				if len(e.Check()) == 0 { // else its URL may be what is wrong
					all[i] = e.checkAddress(guardOf(f).CheckURL)
				}
				all[i] = append(all[i], e.checkNew()...)
			}
			return all
		},
		CheckAmong: func(v *catalog.View, e Endpoint) (found problem.Fields) {
			found.Under("events", unknownEvents(e.Events, agents.SetOf(v)))
			return found
		},
		Revise: Endpoint.revised,
		CheckChange: func(v *catalog.View, have, e Endpoint) problem.Fields {
			check := guardOf(v.File).CheckURL
			if e.URL == have.URL { // which was given when http was allowed, or by an earlier version
				check = guardOf(v.File).CheckHost
			}
			found := append(e.checkAddress(check), e.checkNew()...)
			catalog.CheckGiven(&found, "secret", e.Secret)
			return found
		},
		Saved: func(tx store.Tx, e Endpoint, _ bool) (secret.String, error) { return e.ownSecret(), enableIn(tx, e) },
		Deleted: func(tx store.Tx, id string) error {
			// What is pending for it waits for 24 hours, in case that it comes back, and fails then.
			return deleteState(tx, id)
		},
		Complete: func(tx store.Tx, list []*Endpoint) error {
			states, err := statesIn(tx)
			for _, e := range list {
				e.Stopped = states[e.ID].DisabledAt != nil
			}
			return err
		},
		Audited: func(e Endpoint) Endpoint {
			if e.Stopped {
				e.Enabled = new(bool)
			}
			return e
		},
	}
}

func references(e Endpoint) (list []catalog.Reference) {
	for i, id := range e.Agents {
		list = append(list, catalog.Reference{Path: fmt.Sprintf("agents[%d]", i), To: agents.SectionAgents, ID: id})
	}
	for i, id := range e.Clients {
		list = append(list, catalog.Reference{Path: fmt.Sprintf("clients[%d]", i), To: "clients", ID: id})
	}
	return list
}

// checkAddress finds out whether events may go where the endpoint says. Where mails go is for the mail server.
func (e Endpoint) checkAddress(check func(url string) error) (found problem.Fields) {
	if e.isMail() {
		return nil
	}
	if err := check(e.address()); err != nil {
		found.Add("url", "%v", err)
	}
	return found
}

func guardOf(f catalog.File) *egress.Guard {
	return egress.NewGuard(func() []netip.Prefix { return f.Networks() }).HTTPSOnly(f.HTTPSOnly)
}

// cautionPlain warns of an endpoint that was stored when http was allowed. It goes on.
func cautionPlain(f catalog.File, url string) (caution problem.Fields) {
	if err := guardOf(f).CheckPlain(url); err != nil && egress.CheckShape(url) == nil {
		caution.Add("url", "%v; this endpoint was stored earlier and goes on", err)
	}
	return caution
}

// unknownEvents finds the names in a filter that no event has; one that none can have has been found by then.
func unknownEvents(names []string, set *agents.Set) (found problem.Fields) {
	builtIn := EventNames()
	known := append(slices.Clone(builtIn), set.EventNames()...)
	for i, name := range names {
		if !agents.ValidEventName(name) || slices.Contains(known, name) {
			continue
		}
		if meant := problem.Nearest(name, known); meant != "" {
			found.Add(fmt.Sprintf("[%d]", i), "there is no event %q; did you mean %s?", name, meant)
		} else {
			found.Add(fmt.Sprintf("[%d]", i),
				"there is no event %q; there are %s, and those that agents and flows name in their events",
				name, strings.Join(builtIn, ", "))
		}
	}
	return found
}
