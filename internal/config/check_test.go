package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSettingsAreChecked(t *testing.T) {
	for _, tt := range []struct{ content, want string }{
		{"server: {address: localhost}", "server.address: must be host:port, such as localhost:8080 or :8080"},
		{"server: {address: ':99999'}", "server.address: must be host:port, such as localhost:8080 or :8080"},
		{"server: {publicURL: localhost:8080}", "server.publicURL: must be an http or https URL, such as https://beckon.example.com"},
		{"server: {publicURL: 'ftp://a'}", "server.publicURL: must be an http or https URL, such as https://beckon.example.com"},
		{"server: {publicURL: 'http://u:p@a'}", "server.publicURL: must be an http or https URL, such as https://beckon.example.com"},
		{"server: {trustedProxies: [10.0.0.0/33]}", "server.trustedProxies[0]: must be an IP address or a CIDR such as 10.0.0.0/8"},
		{"server: {maxBodyBytes: 0}", "server.maxBodyBytes: must be between 1 byte and 64 MiB"},
		{"server: {maxBodyBytes: 65MiB}", "server.maxBodyBytes: must be between 1 byte and 64 MiB"},
		{"server: {maxConcurrent: -1}", "server.maxConcurrent: must be between 1 and 1000000"},
		{"server: {maxMemory: 63MiB}", "server.maxMemory: must be at least 64 MiB, or 0 for half of what there is"},
		{"server: {maxMemory: 64MiB, maxBodyBytes: 32MiB}", "server.maxMemory: must be at least three times server.maxBodyBytes: a body of that size does not fit"},
		{"server: {maxMemory: half}", "server.maxMemory: must be a size such as 1048576, 512KiB or 1MiB"},
		{"server: {shutdownGrace: 2h}", "server.shutdownGrace: must be more than 0 and at most 1h"},
		{"database: {readURL: 'postgres://u:p@h/b'}", "database.readURL: must be postgres://USER:PASSWORD@HOST/NAME, the URL of a read replica of the PostgreSQL database in database.url"},
		{"database: {url: 'postgres://a/b', maxConnections: 3}", "database.maxConnections: must be between 4 and 1000, or 0 to go by the number of processors"},
		{"{server: {roles: [cook]}, database: {url: 'postgres://a/b'}}", "server.roles[0]: must be one of api, worker, deliveries, schedules"},
		{"server: {roles: [api]}", "server.roles: needs PostgreSQL: a SQLite file has one gateway, which does everything"},
		{"database: {url: 'mysql://a'}", "database.url: must be sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME"},
		{"log: {level: INFO}", "log.level: must be debug, info, warn or error"},
		{"log: {format: xml}", "log.format: must be text or json"},
		{"artifacts: {url: 'ftp://h/x'}", "artifacts.url: must be the path of a folder, or a URL that begins with file://, s3://, gs:// or azblob://"},
		{"artifacts: {maxBytes: 0}", "artifacts.maxBytes: must be between 1 byte and 4 GiB"},
		{"smtp: {url: 'https://mail.example.com', from: 'a@example.com'}", "smtp.url: must be a URL such as smtps://user:password@mail.example.com:465, or smtp://… for STARTTLS"},
		{"smtp: {url: 'smtp://mail.example.com'}", "smtp.from: must be the sender's address, such as Beckon <beckon@example.com>"},
		{"artifacts: {linkTTL: 0s}", "artifacts.linkTTL: must be more than 0 and at most 87600h"},
		{"retention: {runs: 0s}", "retention.runs: must be more than 0 and at most 87600h"},
		{"retention: {sessions: 0s}", "retention.sessions: must be more than 0 and at most 87600h"},
		{"retention: {deliveries: 100000h}", "retention.deliveries: must be more than 0 and at most 87600h"},
	} {
		require.Equal(t, []string{"config.yaml:1: " + tt.want}, complaints(t, tt.content, nil), tt.content)
	}
	for _, content := range []string{"database: {url: 'postgresql://a/b'}", "server: {address: '[::1]:0', trustedProxies: ['::1']}", "server: {publicURL: 'https://a/b'}",
		"server: {maxMemory: 64MiB}", "server: {maxMemory: 0, maxBodyBytes: 64MiB}", "server: {maxMemory: 192MiB, maxBodyBytes: 64MiB}",
		"server: {roles: [schedules, worker, deliveries, api]}", "{server: {roles: [api, worker]}, database: {url: 'postgres://a/b'}}"} {
		require.Empty(t, complaints(t, content, nil), content)
	}
}

// base is what the resources of the tables below refer to.
const base = `providers: [{id: p, type: template, template: x}, {id: o, type: openai}]
agents: [{id: a, provider: p}, {id: b, provider: p}]
`

const builtInEvents = "run.created, run.queued, run.started, run.waiting, run.completed, run.failed, run.canceled, run.viewed, event.resolved, node.started, node.progress, node.completed, node.failed, node.canceled, tool.started, tool.completed, client.silent, budget.warning, budget.exhausted, endpoint.disabled, delivery.exhausted"

func TestResourcesAreChecked(t *testing.T) {
	for _, tt := range []struct {
		name, content string
		want          []string
	}{
		{"no id", "commands:\n  - {prompt: x}\n", []string{"3: commands[0].id: is required"}},
		{"bad id", "commands:\n  - {id: Daily, prompt: x}\n", []string{"3: commands[0].id: must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen"}},
		{"long id", "commands:\n  - {id: " + strings.Repeat("a", 64) + ", prompt: x}\n", []string{"3: commands[0].id: must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen"}},
		{"id twice", "commands:\n  - {id: x, prompt: x}\n\n  - prompt: y\n    id: x\n", []string{`6: commands[1].id: "x" is already the id of another in line 3`}},
		{"an agent and a flow", "flows:\n  - {id: a, root: {type: agent, agentId: b}}\n", []string{`3: flows[0].id: "a" is already the id of an agent`}},
		{"a noun's own check", "commands:\n  - id: x\n    prompt: ' '\n", []string{"4: commands[0].prompt: is required"}},
		{"deep in a flow", "flows:\n  - id: f\n    root:\n      type: sequential\n      steps:\n        - {type: agent, agentId: a}\n        - type: agent\n          agentId: nobody\n",
			[]string{`9: flows[0].root.steps[1].agentId: there is no usable agent or flow "nobody"`}},
		{"a missing key of a step", "flows:\n  - id: f\n    root:\n      type: loop\n      steps: [{type: agent, agentId: a}]\n", []string{"4: flows[0].root.maxIterations: must be between 1 and 1000"}},
		{"what the factory says", "flows:\n  - id: f\n    root:\n      type: loop\n      maxIterations: 2\n      until: bad(\n      steps: [{type: agent, agentId: a}]\n",
			[]string{"7: flows[0].root.until: is not a condition"}},
		{"flows in a circle", "flows:\n  - {id: f, root: {type: agent, agentId: g}}\n  - {id: g, root: {type: agent, agentId: f}}\n", []string{
			"4: flows[1].root.agentId: makes a cycle: f → g → f",
			`3: flows[0].root.agentId: there is no usable agent or flow "g"`}},
		{"command to nowhere", "commands:\n  - id: x\n    prompt: x\n    agentId: nobody\n", []string{`5: commands[0].agentId: there is no usable agent or flow "nobody"`}},
		{"no token", "clients:\n  - {id: c, passthrough: true, allowedAgents: [a]}\n", []string{"3: clients[0].token: is required: the bearer token of this client, best written as a ${VARIABLE}"}},
		{"empty token", "clients:\n  - {id: c, token: '${NONE:-}', passthrough: true, allowedAgents: [a]}\n", []string{"3: clients[0].token: is required: the bearer token of this client, best written as a ${VARIABLE}"}},
		{"token with a space", "clients:\n  - {id: c, token: 'x y', passthrough: true, allowedAgents: [a]}\n", []string{"3: clients[0].token: must be printable ASCII without spaces: it travels in a header"}},
		{"same token", "clients:\n  - {id: c, token: xx, passthrough: true, allowedAgents: [a]}\n  - {id: d, token: xx, passthrough: true, allowedAgents: [a]}\n",
			[]string{`4: clients[1].token: is also the token of client "c": every client needs its own`}},
		{"client to nowhere", "clients:\n  - id: c\n    token: x\n    passthrough: true\n    allowedAgents:\n      - a\n      - nobody\n", []string{`8: clients[0].allowedAgents[1]: there is no usable agent or flow "nobody"`}},
		{"template", "clients:\n  - id: c\n    token: x\n    passthrough: true\n    template: |\n      {{ if }}\n    allowedAgents: [a]\n", []string{"6: clients[0].template: line 1: missing value for if"}},
		{"filter", "clients:\n  - id: c\n    token: x\n    passthrough: true\n    filter: event.state = 1\n    allowedAgents: [a]\n", []string{"6: clients[0].filter: is not a CEL expression: = does not compare: write == (column 13)"}},
		{"filter of nothing", "clients:\n  - {id: c, token: x, passthrough: true, filter: state == 1, allowedAgents: [a]}\n", []string{"3: clients[0].filter: is not a CEL expression: there is no state; there are event, body, headers and query, as in event.state (column 1)"}},
		{"filter, no condition", "clients:\n  - {id: c, token: x, passthrough: true, filter: event.state, allowedAgents: [a]}\n", []string{`3: clients[0].filter: must be true or false, not dyn: compare it, as in event.state == "firing"`}},
		{"coalesce", "clients:\n  - id: c\n    token: x\n    passthrough: true\n    coalesce:\n      by: event.key ==\n      onResolved: tell\n      maxRuns: -1\n    allowedAgents: [a]\n", []string{
			"7: clients[0].coalesce.by: is not a CEL expression: it ends too early (column 13)", "8: clients[0].coalesce.onResolved: must be note, run or ignore", "9: clients[0].coalesce.maxRuns: must be from 1 to 1000"}},
		{"coalesce, no such word", "clients:\n  - {id: c, token: x, passthrough: true, coalesce: on, allowedAgents: [a]}\n", []string{"3: clients[0].coalesce: must be off, or have by, window, maxRuns, per and onResolved"}},
		{"coalesce, but sync", "clients:\n  - {id: c, token: x, source: sentry, respond: sync, coalesce: {by: event.key}, allowedAgents: [a]}\n", []string{"3: clients[0].coalesce: answers each call at once, so that respond: sync is not for this client"}},
		{"client without command", "clients:\n  - id: c\n    token: x\n    commandId: gone\n    allowedAgents: [a]\n", []string{`5: clients[0].commandId: there is no usable command "gone"`}},
		{"command's agent not allowed", "commands: [{id: x, prompt: x, agentId: b}]\nclients:\n  - id: c\n    token: x\n    commandId: x\n    allowedAgents: [a]\n",
			[]string{`7: clients[0].allowedAgents: must hold "b", which the command "x" runs on`}},
		{"endpoint to nowhere", "endpoints:\n  - id: e\n    url: https://e\n    signature: standard-ed25519\n    agents: [a, x]\n    clients: [y]\n", []string{
			`6: endpoints[0].agents[1]: there is no usable agent or flow "x"`,
			`7: endpoints[0].clients[0]: there is no usable client "y"`}},
		{"endpoint without secret", "endpoints:\n  - {id: e, url: 'https://e'}\n", []string{"3: endpoints[0].secret: is required: it signs the events, best written as a ${VARIABLE}"}},
		{"endpoint with headers of ours", "endpoints:\n  - id: e\n    url: https://e\n    signature: standard-ed25519\n    headers:\n      A: b\n      Webhook-Id: x\n",
			[]string{"8: endpoints[0].headers.Webhook-Id: cannot be set: it is part of the signature"}},
		{"events that are not there", "endpoints:\n  - id: e\n    url: https://e\n    signature: standard-ed25519\n    events:\n      - run.fialed\n      - lead.complete\n      - Run\n      - shipped\n" +
			"flows:\n  - {id: f, events: {run.completed: lead.completed}, root: {type: agent, agentId: a}}\n", []string{
			"7: endpoints[0].events[0]: there is no event \"run.fialed\"; did you mean run.failed?",
			"8: endpoints[0].events[1]: there is no event \"lead.complete\"; did you mean lead.completed?",
			"9: endpoints[0].events[2]: must be lower-case words with dots, hyphens or underscores between them, such as lead.completed, and at most 128 characters",
			"10: endpoints[0].events[3]: there is no event \"shipped\"; there are " + builtInEvents + ", and those that agents and flows name in their events"}},
		{"events of agents, flows and steps", "endpoints: [{id: e, url: 'https://e', signature: standard-ed25519, events: [run.viewed, endpoint.disabled, x.done, y.done, z.done]}]\n" +
			"flows: [{id: f, events: {node.started: y.done}, root: {type: agent, agentId: a, events: {failed: z.done}}}, {id: g, root: {type: agent, agentId: a}, events: {run.queued: x.done}}]\n", nil},
		{"renaming what there is not", "flows:\n  - id: f\n    events:\n      run.completed: lead.completed\n      run.done: lead.done\n    root:\n      type: agent\n      agentId: a\n      events:\n        node.failed: x\n", []string{
			"6: flows[0].events.run.done: there is no such event here; there are run.created, run.queued, run.started, run.waiting, run.completed, run.failed, run.canceled, run.viewed, node.started, node.progress, node.completed, node.failed, node.canceled, run.*, node.*",
			"11: flows[0].root.events.node.failed: there is no such event here; did you mean failed?"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.want {
				tt.want[i] = "config.yaml:" + tt.want[i]
			}
			found := complaints(t, "# line 1\n"+tt.content+base, nil)
			require.Equal(t, tt.want, found)
		})
	}
}

func TestProvidersAndAgentsAreChecked(t *testing.T) {
	require.Equal(t, []string{
		`config.yaml:3: providers[0].type: must be openai or template, not "magic"`,
		`config.yaml:4: providers[1].template: is required`,
		`config.yaml:8: agents[1].temperature: must be between 0 and 2`,
		`config.yaml:8: agents[1].model: is required`,
		`config.yaml:10: agents[3].model: is required`,
		`config.yaml:7: agents[0].provider: there is no usable provider "none"`,
		`config.yaml:9: agents[2].provider: there is no usable provider "bare"`,
	}, complaints(t, `
providers:
  - {id: magic, type: magic}
  - {id: bare, type: template}
  - {id: openai, type: openai}
agents:
  - {id: a, provider: none}
  - {id: b, provider: openai, temperature: 3}
  - {id: c, provider: bare}
  - {id: d, provider: openai}
`, nil))
}

// What a flow has of mistakes is said at once, whatever kind they are of.
func TestAllThatIsWrongWithAFlow(t *testing.T) {
	found := strings.Join(complaints(t, `
agents: [{id: faulty, provider: nobody}]
flows:
  - id: f
    root:
      type: sequential
      steps:
        - {type: agent, agentId: nope}
        - {type: agent, agentId: faulty}
        - {type: loop, steps: [{type: agent, agentId: f}]}
        - {type: sequential, steps: []}
`, nil), "\n")
	for _, want := range []string{"steps[0].agentId", "steps[2].maxIterations", "steps[3].steps", "agents[0].provider"} {
		require.Contains(t, found, want)
	}
}
