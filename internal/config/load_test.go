package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/secret"
	"beckon/internal/units"
)

func TestDefaults(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "comments": "# nothing\n", "empty sections": "server:\nclients:\n"} {
		t.Run(name, func(t *testing.T) {
			c := load(t, content, nil)
			require.Equal(t, Server{Address: "localhost:8080", PublicURL: "http://localhost:8080", MaxBodyBytes: 1 << 20,
				MaxConcurrent: 1024, MaxQueued: 10_000, ShutdownGrace: units.Duration(30 * time.Second), Timezone: "UTC"}, c.Server)
			require.Equal(t, Database{URL: "sqlite:data/beckon.db"}, c.Database)
			require.Equal(t, Log{Level: "info", Format: "text"}, c.Log)
			require.Equal(t, 720*time.Hour, time.Duration(c.Retention.Runs))
			require.Equal(t, 720*time.Hour, time.Duration(c.Retention.Deliveries))
			require.Empty(t, declared[clients.Client](c))
		})
	}
	c, err := Load("", vars{}.get, nouns(nil))
	require.NoError(t, err)
	require.Equal(t, "localhost:8080", c.Server.Address)
}

func TestLoadReadsEverything(t *testing.T) {
	c := load(t, full, fullVars)
	require.Equal(t, []string{"10.0.0.0/8", "192.0.2.1"}, c.Server.TrustedProxies)
	require.EqualValues(t, 2<<20, c.Server.MaxBodyBytes)
	require.Equal(t, "hunter22", c.Admin.Password.Reveal())
	require.Equal(t, []string{"127.0.0.0/8"}, c.Egress.AllowPrivate)
	require.Equal(t, secret.String("Bearer s3cret-header"), declared[agents.Provider](c)[0].Headers["X-Gateway"])
	require.Equal(t, 0, *declared[agents.Provider](c)[0].MaxRetries)
	require.InDelta(t, 0.2, *declared[agents.Agent](c)[0].Temperature, 0)
	require.Equal(t, "logs", declared[agents.Flow](c)[0].Root.Steps[0].Steps[0].AgentID)
	require.Equal(t, 60, declared[clients.Client](c)[0].RateLimit.Requests)
	require.False(t, *declared[clients.Client](c)[1].Enabled)
	require.Equal(t, []units.Duration{units.Duration(time.Second), units.Duration(time.Minute)}, declared[deliveries.Endpoint](c)[0].Retry.Waits)
	require.Equal(t, "fast", declared[deliveries.Endpoint](c)[1].Retry.Policy)
	require.Equal(t, map[string]string{"node.failed": "logs.failed"}, declared[agents.Agent](c)[0].Events)
	require.Equal(t, map[string]string{"run.completed": "lead.completed", "run.failed": "lead.failed"}, declared[agents.Flow](c)[0].Events)
	require.Equal(t, map[string]string{"completed": "research.completed"}, declared[agents.Flow](c)[0].Root.Steps[0].Steps[1].Events)
}

func TestMistakesInTheFile(t *testing.T) {
	for _, tt := range []struct {
		name, content string
		want          []string
	}{
		{"unknown key", "server:\n  adress: x:1\n", []string{`config.yaml:2: server: there is no key "adress" here; did you mean address?`}},
		{"unknown section", "clinets: []\n", []string{`config.yaml:1: there is no key "clinets" here; did you mean clients?`}},
		{"snake case", "server: {max_body_bytes: 1}\n", []string{`config.yaml:1: server: there is no key "max_body_bytes" here; did you mean maxBodyBytes?`}},
		{"nothing like it", "log: {colour: yes}\n", []string{`config.yaml:1: log: there is no key "colour" here; there are level, format`}},
		{"a typing error hides what follows from it", "commands:\n  - {id: x, promt: hello}\n", []string{`config.yaml:2: commands[0]: there is no key "promt" here; did you mean prompt?`}},
		{"key twice", "log:\n  level: info\n  level: warn\n", []string{`config.yaml:3: log: the key "level" is there twice, first in line 2`}},
		{"header twice", "endpoints:\n  - id: a\n    url: https://a\n    signature: standard-ed25519\n    headers:\n      X: a\n      X: b\n", []string{`config.yaml:7: endpoints[0].headers: the key "X" is there twice, first in line 6`}},
		{"time zone", "server:\n  timezone: Berlin\n", []string{"config.yaml:2: server.timezone: is not the name of a time zone. Write one of the IANA list, such as Europe/Berlin, or UTC"}},
		{"schedules", scheduled + `    schedule: "0 7 * *"
    timezone: Mars/Olympus
    missed: maybe
    expectEvery: 10ms
    prompt: work
`, []string{
			"config.yaml:6: clients[0].schedule: is not a schedule (expected exactly 5 fields, found 4: [0 7 * *]). Write five fields (minute, hour, day of month, month, day of week) such as \"0 7 * * 1-5\", or @hourly, @daily, @weekly, @monthly, or @every 90m",
			"config.yaml:7: clients[0].timezone: is not the name of a time zone. Write one of the IANA list, such as Europe/Berlin, or UTC",
			"config.yaml:8: clients[0].missed: must be once (one run for all times that were missed) or skip (none)",
			"config.yaml:9: clients[0].expectEvery: must be from 1s to 8784h"}},
		{"a schedule without work", scheduled + "    schedule: \"@daily\"\n    passthrough: true\n", []string{
			"config.yaml:6: clients[0].schedule: needs work to do: give the client a commandId or a prompt"}},
		{"a schedule whose callers have no token", scheduled + "    schedule: \"@daily\"\n    prompt: work\n    auth: [basic]\n", []string{
			"config.yaml:4: clients[0].token: is required: the bearer token of this client, best written as a ${VARIABLE}"}},
		{"a list of one", "agents: x\n", []string{"config.yaml:1: agents: must be a list (lines that begin with -), not a single value"}},
		{"a mapping for a list", "agents:\n  triage: {}\n", []string{"config.yaml:1: agents: must be a list (lines that begin with -), not a mapping"}},
		{"text for a mapping", "server: localhost\n", []string{"config.yaml:1: server: must be a mapping (lines of key: value), not a single value"}},
		{"a list for the file", "- a\n", []string{"config.yaml:1: must be a mapping (lines of key: value), not a list"}},
		{"a mapping for text", "log:\n  level:\n    info: true\n", []string{"config.yaml:2: log.level: must be a text, not a mapping"}},
		{"text for a number", "server: {maxConcurrent: many}\n", []string{"config.yaml:1: server.maxConcurrent: must be a whole number"}},
		{"quoted number", "server: {maxConcurrent: \"7\"}\n", []string{"config.yaml:1: server.maxConcurrent: must be a whole number, without quotes"}},
		{"fraction", "server: {maxConcurrent: 1.5}\n", []string{"config.yaml:1: server.maxConcurrent: must be a whole number"}},
		{"number too big", "server: {maxConcurrent: 99999999999999999999}\n", []string{"config.yaml:1: server.maxConcurrent: must be a whole number"}},
		{"not a number", "agents: [{id: a, provider: p, temperature: .nan}]\nproviders: [{id: p, type: template, template: x}]", []string{"config.yaml:1: agents[0].temperature: must be a number"}},
		{"yes is not true", "clients: [{id: a, token: tokentoken, passthrough: yes, allowedAgents: [x]}]\nproviders: [{id: p, type: template, template: x}]\nagents: [{id: x, provider: p}]", []string{
			"config.yaml:1: clients[0].passthrough: must be true or false", "config.yaml:1: clients[0].commandId: is required unless passthrough is true or the client has a prompt"}},
		{"duration without unit", "retention: {runs: 30}\n", []string{"config.yaml:1: retention.runs: must be a duration such as 30s, 5m or 720h"}},
		{"size", "server: {maxBodyBytes: 1 megabyte}\n", []string{"config.yaml:1: server.maxBodyBytes: must be a size such as 1048576, 512KiB or 1MiB"}},
		{"retry", "endpoints:\n  - id: a\n    url: http://a\n    signature: standard-ed25519\n    retry:\n      - 5s\n      - soon\n", []string{"config.yaml:7: endpoints[0].retry[1]: must be a duration such as 30s, 5m or 720h"}},
		{"empty item", "egress:\n  allowPrivate:\n    -\n", []string{"config.yaml:3: egress.allowPrivate[0]: is empty"}},
		{"bad indentation", "server:\n  address: localhost:1\n log: {}\n", []string{"config.yaml:3: the indentation is off here, or a colon is missing"}},
		{"tab", "server:\n\taddress: x\n", []string{"config.yaml:2: a value cannot start like this: put quotes around it, and indent with spaces, not with tabs"}},
		{"open quote", "log:\n  level: \"info\n", []string{"config.yaml:2: a quote is opened here and never closed"}},
		{"open bracket", "log: {}\nagents: [\n  {id: a},\nflows: 1\n", []string{"config.yaml:2: the list in [ ] that begins here misses a comma or its end; within it, ${NAME} needs quotes"}},
		{"open bracket in the first line", "agents: [{id: a,\n  provider: b\nlog: {}\n", []string{"config.yaml:1: the mapping in { } that begins here misses a comma or its end; within it, ${NAME} needs quotes"}},
		{"special character", "log: {}\nserver: {trustedProxies: [::1, 10.0.0.1]}\n", []string{"config.yaml:2: a value is missing here, or needs quotes because of a special character in it"}},
		{"star", "admin:\n  token: *s3cretsecret\n", []string{"config.yaml:2: an alias (*name) has no anchor (&name); put quotes around a value that starts with *"}},
		{"star with more behind it", "admin:\n  token: *s3cretsecret\n  password: x\nlog: {}\n", []string{"config.yaml:2: an alias (*name) has no anchor (&name); put quotes around a value that starts with *"}},
		{"bad indentation with more behind it", "server:\n  address: localhost:1\n log: {}\negress: {}\nlog: {}\n", []string{"config.yaml:3: the indentation is off here, or a colon is missing"}},
		{"item without a dash", "agents:\n  - id: a\n  id: b\n  name: c\nlog: {}\n", []string{"config.yaml:3: the indentation is off here: this belongs to a list, whose items begin with -"}},
		{"tag", "admin:\n  token: !s3cretsecret\n", []string{"config.yaml:2: tags (!name) are not understood; put quotes around a value that starts with !"}},
		{"two documents", "log: {}\n---\nlog: {}\n", []string{"config.yaml:2: a second document begins here; one file holds one document (remove the ---)"}},
		{"not UTF-8", "log: {}\n\xff\xfe\n", []string{"config.yaml:2: the file is not UTF-8 text"}},
		{"anchor within itself", "x: 1\ny: &a [*a]\n", []string{"config.yaml:2: the anchor that this alias (*name) refers to contains itself"}},
		{"too deep", strings.Repeat("[", 200) + strings.Repeat("]", 200), []string{"config.yaml:1: is nested more than 100 levels deep"}},
		{"a list as a key", "? [a]\n: b\n", []string{"config.yaml:1: a key must be a plain word"}},
		{"merge of a text", "log:\n  <<: x\n", []string{"config.yaml:2: << takes a mapping, or a list of mappings"}},
		{"all at once, in order", "log: {level: loud}\nserver:\n  maxConcurrent: 0\n  nope: 1\negress: {allowPrivate: [10.0.0.1]}\n", []string{
			"config.yaml:1: log.level: must be debug, info, warn or error",
			"config.yaml:3: server.maxConcurrent: must be between 1 and 1000000",
			`config.yaml:4: server: there is no key "nope" here; there are address, publicURL, trustedProxies, proxyTimeout, maxBodyBytes, maxConcurrent, maxQueued, maxMemory, shutdownGrace, roles, timezone, budget, secretsKey, previousSecretsKey`,
			"config.yaml:5: egress.allowPrivate[0]: must be a CIDR such as 10.0.0.0/8, or 127.0.0.1/32 for a single address"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, complaints(t, tt.content, nil))
		})
	}
}

func TestAliasesAndMergeKeys(t *testing.T) {
	c := load(t, `
providers:
  - &p {id: one, type: template, template: x, timeout: 7s}
  - {<<: *p, id: two}
agents:
  - {id: a, provider: one, systemPrompt: &text hello}
  - {id: b, provider: two, systemPrompt: *text}
`, nil)
	require.Equal(t, "two", declared[agents.Provider](c)[1].ID)
	require.Equal(t, 7*time.Second, time.Duration(declared[agents.Provider](c)[1].Timeout))
	require.Equal(t, "hello", declared[agents.Agent](c)[1].SystemPrompt)
}

func TestAliasBomb(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for name := byte('b'); name < 'k'; name++ {
		before := string(name - 1)
		bomb += string(name) + ": &" + string(name) + " [" + strings.Repeat("*"+before+",", 10) + "]\n"
	}
	started := time.Now()
	require.Equal(t, []string{"config.yaml:1: aliases (*name) blow this file up beyond all measure; write out what you mean"},
		complaints(t, bomb, nil))
	require.Less(t, time.Since(started), 5*time.Second)
}

func TestFilesThatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	missing, large := filepath.Join(folder, "missing.yaml"), filepath.Join(folder, "large.yaml")
	require.NoError(t, os.WriteFile(large, make([]byte, maxFileBytes+1), 0o600))
	for path, want := range map[string]string{
		missing: missing + ": cannot be read: no such file or directory",
		folder:  folder + ": cannot be read: is a directory",
		large:   large + ": is larger than 4 MiB",
	} {
		_, err := Load(path, vars{}.get, nouns(nil))
		require.EqualError(t, err, want)
	}
}

func TestManyMistakesAreCutShort(t *testing.T) {
	_, err := Load(write(t, "log:\n"+strings.Repeat("  nope: 1\n", 5000)), vars{}.get, nouns(nil))
	require.Error(t, err)
	require.Len(t, strings.Split(err.Error(), "\n"), maxPrinted+1)
	require.Contains(t, err.Error(), "and 950 more")
}

// scheduled begins a file whose client has a schedule.
const scheduled = `providers: [{id: p, type: template, template: x}]
agents: [{id: a, provider: p}]
clients:
  - id: report
    allowedAgents: [a]
`

// A client that only calls itself needs no token.
func TestAScheduleNeedsNoToken(t *testing.T) {
	c := load(t, scheduled+`    schedule: "0 7 * * 1-5"
    timezone: Europe/Berlin
    missed: skip
    expectEvery: 25h
    prompt: work
`, nil)
	report := declared[clients.Client](c)[0]
	require.True(t, report.SkipsMissed())
	require.Equal(t, 25*time.Hour, time.Duration(report.ExpectEvery))
	require.Equal(t, "UTC", c.Server.Zone().String())
	require.Equal(t, "Asia/Tokyo", load(t, "server: {timezone: Asia/Tokyo}", nil).Server.Zone().String())
}

// full uses every key of every section.
const full = `
server:
  address: 0.0.0.0:80
  publicURL: https://beckon.example.com
  trustedProxies: [10.0.0.0/8, 192.0.2.1]
  maxBodyBytes: 2MiB
  maxConcurrent: 10
  shutdownGrace: 1m
  secretsKey: ${SECRETS_KEY}
database: {url: "sqlite:${DATA:-/tmp}/b.db"}
admin: {password: hunter22, token: "${ADMIN_TOKEN}"}
log: {level: debug, format: json}
egress: {allowPrivate: [127.0.0.0/8]}
retention: {runs: 1h, deliveries: 2h}
providers:
  - id: openai
    name: OpenAI
    type: openai
    url: https://api.openai.com/v1
    apiKey: ${OPENAI_API_KEY}
    headers: {X-Gateway: "Bearer ${GATEWAY}", X-Literal: literal-secret}
    timeout: 90s
    maxRetries: 0
  - {id: offline, type: template, template: "costs $${5}: {{ .prompt }}"}
agents:
  - {id: logs, name: Logs, provider: openai, model: m, systemPrompt: "a: b", temperature: 0.2, maxTokens: 800, timeout: 5m, outputKey: logs, retryOnCrash: true, events: {node.failed: logs.failed}}
  - {id: writer, provider: offline}
flows:
  - id: incident
    name: Incident
    timeout: 9m
    retryOnCrash: true
    events: {run.completed: lead.completed, run.failed: "lead.${FAILED:-failed}"}
    root:
      type: sequential
      steps:
        - {type: parallel, steps: [{type: agent, agentId: logs, onError: continue}, {type: agent, agentId: writer, outputKey: w, events: {completed: research.completed}}]}
        - {type: loop, maxIterations: 3, until: "state.ok == true", steps: [{type: agent, agentId: writer}]}
        - {type: agent, agentId: logs, responseAgent: true}
commands:
  - {id: daily, name: Daily, description: d, prompt: "say hello", agentId: incident}
clients:
  - id: ci
    name: CI
    enabled: true
    token: ${CI_TOKEN}
    passthrough: true
    template: "{{ .text }}"
    webhookSecret: whsec_bDF0ZXJhbGwxdGVyYWxsMXRlcmFsbDF0ZXJhbA==
    allowedAgents: [logs, incident]
    syncTimeout: 1m
    cancelOnDisconnect: true
    maxBodyBytes: 1024
    rateLimit: {requests: 60, per: 1m}
    maxConcurrent: 4
  - {id: nightly, enabled: false, token: "literal-token", passthrough: false, commandId: daily, allowedAgents: [incident]}
endpoints:
  - id: ops
    name: Ops
    enabled: true
    url: https://example.com/hook
    secret: whsec_literal-for-hmac
    previousSecret: "${OLD_SECRET}"
    events: [run.canceled, lead.failed, research.completed]
    agents: [incident]
    clients: [ci]
    format: event
    signature: hmac-sha256-hex
    vendor: Acme
    retry: [1s, 1m]
    headers: {Authorization: "${OPS_AUTH}"}
    timeout: 10s
    rateLimit: 5
  - {id: all, url: "https://example.org", retry: fast, signature: standard-ed25519}
`

var fullVars = vars{"SECRETS_KEY": "k3y-of-the-secrets", "ADMIN_TOKEN": "adm1n-token", "OPENAI_API_KEY": "sk-12345678",
	"GATEWAY": "s3cret-header", "CI_TOKEN": "12345678", "OPS_AUTH": "Basic abcdefgh", "OLD_SECRET": "0ld-secret-of-the-endpoint"}
