package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/problem"
)

func joined(t *testing.T, content string, env vars, database Resources) *Catalog {
	t.Helper()
	made, err := load(t, content, env).Catalog(factories(), env.get, database)
	require.NoError(t, err)
	return made
}

func warnings(c *Catalog) []string {
	var lines []string
	for _, w := range c.Warnings {
		for _, f := range w.Fields {
			lines = append(lines, w.Section+" "+w.ID+" "+f.Path+": "+f.Message)
		}
	}
	return lines
}

func agentOn(id, provider string) agents.Agent {
	return agents.Agent{ID: id, Provider: provider, Model: "m"}
}

func client(id string, allowed ...string) clients.Client {
	return clients.Client{ID: id, Passthrough: true, AllowedAgents: allowed}
}

func ids[T noun](list []T) []string {
	found := []string{}
	for _, item := range list {
		found = append(found, item.Key())
	}
	return found
}

func TestCatalogJoinsFileAndDatabase(t *testing.T) {
	c := joined(t, base+"clients: [{id: c, token: x, passthrough: true, allowedAgents: [a, stored]}]", nil, Resources{
		Providers: []agents.Provider{{ID: "stored", Type: "openai", APIKey: "sk-literal"}},
		Agents:    []agents.Agent{agentOn("stored", "stored"), agentOn("mixed", "p")},
		Flows:     []agents.Flow{{ID: "flow", Root: agents.Step{Type: "agent", AgentID: "a"}}},
		Commands:  []commands.Command{{ID: "cmd", Prompt: "x", AgentID: "flow"}},
		Clients:   []clients.Client{client("d", "flow"), {ID: "e", CommandID: "cmd", AllowedAgents: []string{"flow"}}},
		Endpoints: []deliveries.Endpoint{{ID: "end", URL: "http://e", Signature: "standard-ed25519", Clients: []string{"c", "d"}, Agents: []string{"mixed"}}},
	})
	require.Empty(t, c.Warnings)
	require.Equal(t, []string{"p", "o", "stored"}, ids(c.Providers))
	require.Equal(t, []string{"a", "b", "stored", "mixed"}, ids(c.Agents))
	require.Equal(t, []string{"c", "d", "e"}, ids(c.Clients))
	require.Equal(t, []string{"end"}, ids(c.Endpoints))
	require.Equal(t, []string{"a", "b", "flow", "mixed", "stored"}, c.Set.IDs())
	require.Equal(t, "x", c.Clients[0].Token.Reveal())
	require.Equal(t, FromConfig, c.Origin(SectionClients, "c"))
	require.Equal(t, FromDatabase, c.Origin(SectionClients, "d"))
	require.Equal(t, FromDatabase, c.Origin(agents.SectionAgents, "c"))
}

func TestCatalogLeavesOutWhatIsBrokenInTheDatabase(t *testing.T) {
	c := joined(t, base+"flows: [{id: f, root: {type: agent, agentId: a}}]\nclients: [{id: c, token: x, passthrough: true, allowedAgents: [a]}]", nil, Resources{
		Providers: []agents.Provider{{ID: "p", Type: "openai"}, {ID: "magic", Type: "magic"}},
		Agents:    []agents.Agent{{ID: "x", Provider: "magic", Model: "m", Events: map[string]string{"run.completed": "x.done"}}, agentOn("f", "p"), agentOn("good", "p"), agentOn("Bad Id", "p"), agentOn("good", "o")},
		Flows:     []agents.Flow{{ID: "b", Root: agents.Step{Type: "agent", AgentID: "a"}}, {ID: "y", Root: agents.Step{Type: "agent", AgentID: "x"}}},
		Commands:  []commands.Command{{ID: "cmd", Prompt: "x", AgentID: "y"}, {ID: "fine", Prompt: "x"}, {ID: "nothing"}},
		Clients: []clients.Client{client("c", "a"), client("d", "y"), client("ok", "good"),
			{ID: "e", CommandID: "cmd", AllowedAgents: []string{"a"}}, {ID: "h", CommandID: "fine", AllowedAgents: []string{"a"}}},
		Endpoints: []deliveries.Endpoint{{ID: "end", URL: "http://e", Signature: "standard-ed25519", Clients: []string{"d"}}, {ID: "all", URL: "http://e", Signature: "standard-ed25519"},
			{ID: "gone", URL: "http://e", Signature: "standard-ed25519", Events: []string{"run.failed", "x.done"}}},
	})
	require.Equal(t, []string{"p", "o"}, ids(c.Providers))
	require.Equal(t, []string{"a", "b", "good"}, ids(c.Agents))
	require.Equal(t, []string{"f"}, ids(c.Flows))
	require.Equal(t, []string{"fine"}, ids(c.Commands))
	require.Equal(t, []string{"c", "ok", "h"}, ids(c.Clients))
	require.Equal(t, []string{"all"}, ids(c.Endpoints))
	require.Equal(t, []string{"a", "b", "f", "good"}, c.Set.IDs())
	const hides = "the configuration file declares one with this id, which hides the one in the database"
	require.ElementsMatch(t, []string{
		"providers p : " + hides,
		"clients c : " + hides,
		`providers magic type: must be openai or template, not "magic"`,
		`agents x provider: there is no usable provider "magic"`,
		`agents f id: "f" is already the id of a flow in the configuration file`,
		"agents Bad Id id: must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen",
		"agents good id: is there twice",
		`flows b id: "b" is already the id of an agent in the configuration file`,
		`flows y root.agentId: there is no usable agent or flow "x"`,
		`commands cmd agentId: there is no usable agent or flow "y"`,
		"commands nothing prompt: is required",
		`clients d allowedAgents[0]: there is no usable agent or flow "y"`,
		`clients e commandId: there is no usable command "cmd"`,
		`endpoints end clients[0]: there is no usable client "d"`,
		`endpoints gone events[1]: there is no event "x.done"; there are ` + builtInEvents + `, and those that agents and flows name in their events`,
	}, warnings(c))
}

func TestCatalogRefusesAFileThatNeedsWhatIsBroken(t *testing.T) {
	cfg := load(t, "agents: [{id: a, provider: stored}]", nil)
	_, err := cfg.Catalog(factories(), vars{}.get, Resources{})
	require.EqualError(t, err, cfg.File()+`:1: agents[0].provider: there is no usable provider "stored"`)
	_, err = cfg.Catalog(factories(), vars{}.get, Resources{Providers: []agents.Provider{{ID: "stored", Type: "template", Template: "x"}}})
	require.NoError(t, err)
}

func TestKeysOfStoredProvidersComeFromTheEnvironment(t *testing.T) {
	env := vars{"OPENAI_API_KEY": "sk-resolved", "BECKON_ADMIN_PASSWORD": "hunter22", "OTHER": "s3cret"}
	c := joined(t, "", env, Resources{
		Providers: []agents.Provider{
			{ID: "known", Type: "openai", APIKey: "${OPENAI_API_KEY}"},
			{ID: "unset", Type: "openai", APIKey: "${GONE_API_KEY}"},
			{ID: "other", Type: "openai", APIKey: "${OTHER}"},
			{ID: "padded", Type: "openai", APIKey: " ${OPENAI_API_KEY}"},
			{ID: "password", Type: "openai", APIKey: "${BECKON_ADMIN_PASSWORD}"},
			{ID: "template", Type: "template", Template: "${OPENAI_API_KEY}"},
		},
		Agents: []agents.Agent{agentOn("a", "known"), agentOn("b", "unset")},
	})
	keys := map[string]string{}
	for _, p := range c.Providers {
		keys[p.ID] = p.APIKey.Reveal()
	}
	require.Equal(t, map[string]string{"known": "sk-resolved", "other": "${OTHER}", "padded": " ${OPENAI_API_KEY}",
		"password": "${BECKON_ADMIN_PASSWORD}", "template": ""}, keys)
	require.Equal(t, "${OPENAI_API_KEY}", c.Providers[4].Template)
	require.Equal(t, []string{
		"providers unset apiKey: the variable GONE_API_KEY is not set",
		`agents b provider: there is no usable provider "unset"`,
	}, warnings(c))
}

func TestKeysOfTheFileAreNotLookedUpTwice(t *testing.T) {
	c := joined(t, "providers: [{id: p, type: openai, apiKey: '$${X_API_KEY}'}]", vars{"X_API_KEY": "x"}, Resources{})
	require.Equal(t, "${X_API_KEY}", c.Providers[0].APIKey.Reveal())
}

func TestWarningsShowNoSecret(t *testing.T) {
	how := factories()
	how.Providers["openai"] = func(p agents.Provider, _ agents.Agent) (agents.Invoker, problem.Fields) {
		var fields problem.Fields
		fields.Add("provider.apiKey", "%s is wrong", p.APIKey.Reveal())
		return nil, fields
	}
	c, err := load(t, "", nil).Catalog(how, vars{"X_API_KEY": "s3cret-key"}.get, Resources{
		Providers: []agents.Provider{{ID: "p", Type: "openai", APIKey: "${X_API_KEY}"}},
		Agents:    []agents.Agent{agentOn("a", "p"), agentOn("b", "p")},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"providers p apiKey: ••• is wrong",
		`agents a provider: there is no usable provider "p"`, `agents b provider: there is no usable provider "p"`}, warnings(c))
	require.Empty(t, c.Agents)
}
