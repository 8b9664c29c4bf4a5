package catalog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/gateway"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/problem"
)

// environment is where variables are looked up.
type environment map[string]string

func (e environment) get(name string) (string, bool) {
	value, ok := e[name]
	return value, ok
}

type silent struct{}

func (silent) Invoke(context.Context, agents.Call) (agents.Result, error) {
	return agents.Result{}, nil
}

// factories know the provider types of the real ones, and refuse what tests want to see refused.
func factories() agents.Factories {
	return agents.Factories{
		Providers: map[string]agents.Factory{
			"openai": func(_ agents.Provider, a agents.Agent) (agents.Invoker, problem.Fields) {
				var fields problem.Fields
				if a.Model == "" {
					fields.Add("model", "is required")
				}
				return silent{}, fields
			},
			"template": func(p agents.Provider, _ agents.Agent) (agents.Invoker, problem.Fields) {
				var fields problem.Fields
				if p.Template == "" {
					fields.Add("provider.template", "is required")
				}
				return silent{}, fields
			},
		},
		Flow: func(agents.Flow, func(string) *agents.Entry) (agents.Invoker, problem.Fields) { return silent{}, nil },
	}
}

// load reads a file of that content.
func load(t *testing.T, content string, env environment, nouns *catalog.Registry) *config.Config {
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	c, err := config.Load(path, env.get, nouns)
	require.NoError(t, err)
	return c
}

// joined is a file together with resources of the database.
func joined(t *testing.T, content string, env environment, database ...catalog.Resource) *catalog.View {
	nouns := gateway.Nouns(factories(), env.get)
	v := nouns.View(load(t, content, env, nouns), database...)
	require.Empty(t, v.Mistakes())
	return v
}

func warnings(v *catalog.View) []string {
	var lines []string
	for _, w := range v.Warnings() {
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

func ids[T catalog.Resource](v *catalog.View) []string {
	found := []string{}
	for _, item := range catalog.All[T](v) {
		found = append(found, item.Key())
	}
	return found
}

// invocable returns the ids of the agents and flows that can be invoked, in order.
func invocable(v *catalog.View) []string {
	all := append(ids[agents.Agent](v), ids[agents.Flow](v)...)
	slices.Sort(all)
	return slices.DeleteFunc(all, func(id string) bool { return agents.SetOf(v).Get(id) == nil })
}

// base is what other resources refer to.
const base = `providers: [{id: p, type: template, template: x}, {id: o, type: openai}]
agents: [{id: a, provider: p}, {id: b, provider: p}]
`

const builtInEvents = "run.created, run.queued, run.started, run.completed, run.failed, run.canceled, run.viewed, event.resolved, node.started, node.progress, node.completed, node.failed, node.canceled, client.silent, budget.warning, budget.exhausted, endpoint.disabled, delivery.exhausted"

func TestViewJoinsFileAndDatabase(t *testing.T) {
	v := joined(t, base+"clients: [{id: c, token: x, passthrough: true, allowedAgents: [a, stored]}]", nil,
		agents.Provider{ID: "stored", Type: "openai", APIKey: "sk-literal"},
		agentOn("stored", "stored"), agentOn("mixed", "p"),
		agents.Flow{ID: "flow", Root: agents.Step{Type: "agent", AgentID: "a"}},
		commands.Command{ID: "cmd", Prompt: "x", AgentID: "flow"},
		client("d", "flow"), clients.Client{ID: "e", CommandID: "cmd", AllowedAgents: []string{"flow"}},
		deliveries.Endpoint{ID: "end", URL: "http://e", Signature: "standard-ed25519", Clients: []string{"c", "d"}, Agents: []string{"mixed"}},
	)
	require.Empty(t, v.Warnings())
	require.Equal(t, []string{"p", "o", "stored"}, ids[agents.Provider](v))
	require.Equal(t, []string{"a", "b", "stored", "mixed"}, ids[agents.Agent](v))
	require.Equal(t, []string{"c", "d", "e"}, ids[clients.Client](v))
	require.Equal(t, []string{"end"}, ids[deliveries.Endpoint](v))
	require.Equal(t, []string{"a", "b", "flow", "mixed", "stored"}, invocable(v))
	require.Equal(t, "x", catalog.All[clients.Client](v)[0].Token.Reveal())
	var origins []string
	for _, r := range catalog.Records[clients.Client](v) {
		origins = append(origins, r.Origin)
	}
	require.Equal(t, []string{catalog.FromConfig, catalog.FromDatabase, catalog.FromDatabase}, origins)
}

func TestViewLeavesOutWhatIsBrokenInTheDatabase(t *testing.T) {
	ed25519 := func(e deliveries.Endpoint) deliveries.Endpoint {
		e.URL, e.Signature = "http://e", "standard-ed25519"
		return e
	}
	v := joined(t, base+"flows: [{id: f, root: {type: agent, agentId: a}}]\nclients: [{id: c, token: x, passthrough: true, allowedAgents: [a]}]", nil,
		agents.Provider{ID: "p", Type: "openai"}, agents.Provider{ID: "magic", Type: "magic"},
		agents.Agent{ID: "x", Provider: "magic", Model: "m", Events: map[string]string{"run.completed": "x.done"}}, agentOn("f", "p"), agentOn("good", "p"), agentOn("Bad Id", "p"),
		agents.Flow{ID: "b", Root: agents.Step{Type: "agent", AgentID: "a"}}, agents.Flow{ID: "y", Root: agents.Step{Type: "agent", AgentID: "x"}},
		commands.Command{ID: "cmd", Prompt: "x", AgentID: "y"}, commands.Command{ID: "fine", Prompt: "x"}, commands.Command{ID: "nothing"},
		client("c", "a"), client("d", "y"), client("ok", "good"),
		clients.Client{ID: "e", CommandID: "cmd", AllowedAgents: []string{"a"}}, clients.Client{ID: "h", CommandID: "fine", AllowedAgents: []string{"a"}},
		ed25519(deliveries.Endpoint{ID: "end", Clients: []string{"d"}}), ed25519(deliveries.Endpoint{ID: "all"}),
		ed25519(deliveries.Endpoint{ID: "gone", Events: []string{"run.failed", "x.done"}}),
	)
	require.Equal(t, []string{"p", "o"}, ids[agents.Provider](v))
	require.Equal(t, []string{"a", "b", "good"}, ids[agents.Agent](v))
	require.Equal(t, []string{"f"}, ids[agents.Flow](v))
	require.Equal(t, []string{"fine"}, ids[commands.Command](v))
	require.Equal(t, []string{"c", "ok", "h"}, ids[clients.Client](v))
	require.Equal(t, []string{"all"}, ids[deliveries.Endpoint](v))
	require.Equal(t, []string{"a", "b", "f", "good"}, invocable(v))
	const hides = "the configuration file declares one with this id, which hides the one in the database"
	require.ElementsMatch(t, []string{
		"providers p : " + hides,
		"clients c : " + hides,
		`providers magic type: must be openai or template, not "magic"`,
		`agents x provider: there is no usable provider "magic"`,
		`agents f id: "f" is already the id of a flow in the configuration file`,
		"agents Bad Id id: must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen",
		`flows b id: "b" is already the id of an agent in the configuration file`,
		`flows y root.agentId: there is no usable agent or flow "x"`,
		`commands cmd agentId: there is no usable agent or flow "y"`,
		"commands nothing prompt: is required",
		`clients d allowedAgents[0]: there is no usable agent or flow "y"`,
		`clients e commandId: there is no usable command "cmd"`,
		`endpoints end clients[0]: there is no usable client "d"`,
		`endpoints gone events[1]: there is no event "x.done"; there are ` + builtInEvents + `, and those that agents and flows name in their events`,
	}, warnings(v))
}

func TestAFileMayNeedWhatTheDatabaseHas(t *testing.T) {
	nouns := gateway.Nouns(factories(), environment{}.get)
	c := load(t, "agents: [{id: a, provider: stored}]", nil, nouns)
	require.EqualError(t, c.Err(nouns.View(c).Mistakes()), c.File()+`:1: agents[0].provider: there is no usable provider "stored"`)
	require.NoError(t, c.Err(nouns.View(c, agents.Provider{ID: "stored", Type: "template", Template: "x"}).Mistakes()))
}

func TestKeysOfStoredProvidersComeFromTheEnvironment(t *testing.T) {
	env := environment{"OPENAI_API_KEY": "sk-resolved", "BECKON_ADMIN_PASSWORD": "hunter22", "OTHER": "s3cret"}
	v := joined(t, "admin: {variables: [OPENAI_API_KEY, GONE_API_KEY]}", env,
		agents.Provider{ID: "known", Type: "openai", APIKey: "${OPENAI_API_KEY}"},
		agents.Provider{ID: "unset", Type: "openai", APIKey: "${GONE_API_KEY}"},
		agents.Provider{ID: "other", Type: "openai", APIKey: "${OTHER}"},
		agents.Provider{ID: "padded", Type: "openai", APIKey: " ${OPENAI_API_KEY}"},
		agents.Provider{ID: "password", Type: "openai", APIKey: "${BECKON_ADMIN_PASSWORD}"},
		agents.Provider{ID: "template", Type: "template", Template: "${OPENAI_API_KEY}"},
		agentOn("a", "known"), agentOn("b", "unset"),
	)
	keys := map[string]string{}
	for _, p := range catalog.All[agents.Provider](v) {
		keys[p.ID] = p.APIKey.Reveal()
	}
	require.Equal(t, map[string]string{"known": "sk-resolved", "padded": " ${OPENAI_API_KEY}", "template": ""}, keys)
	template, _ := catalog.Find[agents.Provider](v, "template")
	require.Equal(t, "${OPENAI_API_KEY}", template.Template)
	require.Equal(t, "${OPENAI_API_KEY}", catalog.Records[agents.Provider](v)[0].Item.APIKey.Reveal(), "what is kept is the name")
	const notListed = "admin.variables does not list the variable %[1]s, so that it cannot be used here: list it there, or give the key itself"
	require.Equal(t, []string{
		"providers unset apiKey: the variable GONE_API_KEY is not set",
		"providers other apiKey: " + fmt.Sprintf(notListed, "OTHER"),
		"providers password apiKey: " + fmt.Sprintf(notListed, "BECKON_ADMIN_PASSWORD"),
		`agents b provider: there is no usable provider "unset"`,
	}, warnings(v))
}

func TestKeysOfTheFileAreNotLookedUpTwice(t *testing.T) {
	v := joined(t, "providers: [{id: p, type: openai, apiKey: '$${X_API_KEY}'}]", environment{"X_API_KEY": "x"})
	require.Equal(t, "${X_API_KEY}", catalog.All[agents.Provider](v)[0].APIKey.Reveal())
}

func TestWarningsShowNoSecret(t *testing.T) {
	how := factories()
	how.Providers["openai"] = func(p agents.Provider, _ agents.Agent) (agents.Invoker, problem.Fields) {
		var fields problem.Fields
		fields.Add("provider.apiKey", "%s is wrong", p.APIKey.Reveal())
		return nil, fields
	}
	nouns := gateway.Nouns(how, environment{"X_API_KEY": "s3cret-key"}.get)
	v := nouns.View(load(t, "admin: {variables: [X_API_KEY]}", nil, nouns), agents.Provider{ID: "p", Type: "openai", APIKey: "${X_API_KEY}"}, agentOn("a", "p"), agentOn("b", "p"))
	require.Equal(t, []string{"providers p apiKey: ••• is wrong",
		`agents a provider: there is no usable provider "p"`, `agents b provider: there is no usable provider "p"`}, warnings(v))
	require.Empty(t, catalog.All[agents.Agent](v))
}
