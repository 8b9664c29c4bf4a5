package magec_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"beckon/internal/magec"
)

const sample = `{
	"settings": {"sessionProvider": "m1"},
	"backends": [
		{"id": "b1", "name": "OpenAI", "type": "openai", "apiKey": "sk-literal", "headers": {"X-Team": "blue"}},
		{"id": "b2", "name": "Claude", "type": "anthropic", "apiKey": "${ANTHROPIC_API_KEY}"},
		{"id": "b3", "name": "Local", "type": "openai", "url": "${OLLAMA_URL:-http://localhost:11434/v1}/"},
		{"id": "b4", "name": "Odd", "type": "telepathy"}
	],
	"mcpServers": [
		{"id": "s1", "name": "Docs", "type": "stdio", "command": "mcp-docs", "args": ["--root", "/srv"], "env": {"TOKEN": "literal"}, "workDir": "/srv"},
		{"id": "s2", "name": "Deploy", "type": "http", "endpoint": "https://mcp.example.com/mcp", "headers": {"Authorization": "Bearer literal"}}
	],
	"skills": [{"id": "k1", "name": "Refunds", "instructions": "x"}],
	"agents": [
		{"id": "a1", "name": "Writer", "systemPrompt": "Write.\nLook at {notes?} and {this}, costs ${1}, {{ x }}", "outputKey": "draft", "llm": {"backend": "b1", "model": "${MODEL:-gpt-5-mini}"}, "mcpServers": ["s1", "s2"], "tts": {"backend": "b1"}},
		{"id": "a2", "name": "Critic", "systemPrompt": "Judge {{ this }}.", "outputKey": "notes", "llm": {"backend": "b2", "model": "claude"}, "memory": {"session": "m1"}, "a2a": {"enabled": true}},
		{"id": "a3", "name": "Writer", "llm": {"backend": "b3", "model": "m"}},
		{"id": "a4", "name": "Lost", "llm": {"backend": "b4"}}
	],
	"flows": [
		{"id": "f1", "name": "Writer", "root": {"type": "loop", "steps": [{"type": "parallel", "steps": [{"type": "agent", "agentId": "a1", "responseAgent": true}, {"type": "agent", "agentId": "a2", "responseAgent": true}]}]}},
		{"id": "f2", "name": "Chain", "entry": "x", "nodes": [{"id": "y", "type": "agent", "agentId": "a2"}, {"id": "x", "type": "agent", "agentId": "a1"}], "edges": [{"from": "x", "to": "y"}]},
		{"id": "f3", "name": "Graph", "entry": "x", "nodes": [{"id": "x", "type": "router"}], "edges": []},
		{"id": "f4", "name": "Circle", "entry": "x", "nodes": [{"id": "x", "type": "agent", "agentId": "a1"}], "edges": [{"from": "x", "to": "x"}]},
		{"id": "f5", "name": "With lost", "root": {"type": "sequential", "steps": [{"type": "agent", "agentId": "a4"}]}}
	],
	"commands": [{"id": "m1", "name": "Daily report", "description": "What happened", "prompt": "Report:\n- all"}, {"id": "m2", "name": "Empty"}],
	"clients": [
		{"id": "0B3c6f0e-0000-4000-8000-000000000001", "name": "CI", "type": "webhook", "token": "mgc_literal", "allowedAgents": ["a1", "f2", "f3"], "enabled": true, "config": {"webhook": {"passthrough": true}}},
		{"id": "c2", "name": "Nightly", "type": "cron", "token": "${NIGHTLY_TOKEN}", "allowedAgents": ["a2"], "enabled": false, "config": {"cron": {"schedule": "0 7 * * 1-5", "commandId": "m1"}}},
		{"id": "c3", "name": "Chat", "type": "telegram", "allowedAgents": ["a1"], "config": {"telegram": {"botToken": "literal"}}},
		{"id": "c4", "name": "Voice", "type": "direct", "allowedAgents": ["a3"]},
		{"id": "c5", "name": "Without", "type": "webhook", "allowedAgents": ["a4"], "config": {"webhook": {"passthrough": true}}},
		{"id": "c6", "name": "Seconds", "type": "cron", "allowedAgents": ["a2"], "config": {"cron": {"schedule": "0 0 7 * * 1", "commandId": "m1"}}},
		{"id": "Not an id", "name": "Named", "type": "webhook", "allowedAgents": ["a2"], "config": {"webhook": {"commandId": "m1"}}}
	],
	"memoryProviders": [{"id": "m1", "name": "Redis"}],
	"secrets": [{"id": "x", "key": "STORED_SECRET", "value": "literal"}],
	"triggers": [{"id": "t"}]
}`

const converted = `providers:
  - id: openai
    name: OpenAI
    type: openai
    url: https://api.openai.com/v1
    apiKey: ${OPENAI_API_KEY}
    headers:
      X-Team: ${OPENAI_X_TEAM}
  - id: claude
    name: Claude
    type: anthropic
    url: https://api.anthropic.com/v1
    apiKey: ${ANTHROPIC_API_KEY}
  - id: local
    name: Local
    type: openai
    url: ${OLLAMA_URL:-http://localhost:11434/v1}
toolServers:
  - id: docs
    name: Docs
    command:
      - mcp-docs
      - --root
      - /srv
    env:
      TOKEN: ${DOCS_TOKEN}
  - id: deploy
    name: Deploy
    url: https://mcp.example.com/mcp
    headers:
      Authorization: ${DEPLOY_AUTHORIZATION}
agents:
  - id: writer
    name: Writer
    provider: openai
    model: ${MODEL:-gpt-5-mini}
    systemPrompt: |-
      Write.
      Look at {{ .outputs.notes | default "" }} and {this}, costs $${1}, {{"{{"}} x }}
    outputKey: draft
    tools:
      - docs.*
      - deploy.*
  - id: critic
    name: Critic
    provider: claude
    model: claude
    systemPrompt: Judge {{"{{"}} this }}.
    outputKey: notes
  - id: writer-2
    name: Writer
    provider: local
    model: m
flows:
  - id: writer-3
    name: Writer
    root:
      type: loop
      maxIterations: 10
      steps:
        - type: parallel
          steps:
            - type: agent
              agentId: writer
              responseAgent: true
            - type: agent
              agentId: critic
  - id: chain
    name: Chain
    root:
      type: sequential
      steps:
        - type: agent
          agentId: writer
        - type: agent
          agentId: critic
commands:
  - id: daily-report
    name: Daily report
    description: What happened
    prompt: |-
      Report:
      - all
clients:
  - id: 0b3c6f0e-0000-4000-8000-000000000001
    name: CI
    token: ${CLIENT_CI_TOKEN}
    passthrough: true
    allowedAgents:
      - writer
      - chain
    tools:
      - deploy.*
      - docs.*
  - id: c2
    name: Nightly
    enabled: false
    token: ${NIGHTLY_TOKEN}
    passthrough: false
    commandId: daily-report
    allowedAgents:
      - critic
    schedule: 0 7 * * 1-5
  - id: c4
    name: Voice
    token: ${CLIENT_VOICE_TOKEN}
    passthrough: true
    allowedAgents:
      - writer-2
  - id: c6
    name: Seconds
    token: ${CLIENT_SECONDS_TOKEN}
    passthrough: false
    commandId: daily-report
    allowedAgents:
      - critic
  - id: named
    name: Named
    token: ${CLIENT_NAMED_TOKEN}
    passthrough: false
    commandId: daily-report
    allowedAgents:
      - critic
`

func TestConvert(t *testing.T) {
	r, err := magec.Convert([]byte(sample), magec.Options{ToolServers: true, Tools: true})
	require.NoError(t, err)
	require.Equal(t, converted, r.YAML)
	require.NotContains(t, r.YAML, "literal")
	require.Equal(t, []string{"ANTHROPIC_API_KEY", "CLIENT_CI_TOKEN", "CLIENT_NAMED_TOKEN", "CLIENT_SECONDS_TOKEN", "CLIENT_VOICE_TOKEN", "DEPLOY_AUTHORIZATION", "DOCS_TOKEN",
		"NIGHTLY_TOKEN", "OPENAI_API_KEY", "OPENAI_X_TEAM", "STORED_SECRET"}, r.Variables)
	require.Equal(t, []string{
		`Backend "Odd": its type "telepathy" is not known, and it has no URL.`,
		`MCP server "Docs": its workDir.`,
		`Agent "Writer": its voice: add an agent of kind speech.`,
		`Agent "Critic": memory.`,
		`Agent "Critic": A2A.`,
		`Agent "Lost": it has no backend that could be taken over, and is left out.`,
		`Flow "Writer": a loop has no maxIterations; it has 10 now.`,
		`Flow "Writer": several of its steps answer; here the first of them does.`,
		`Flow "Chain": no step is marked as the answer. Magec answers with all outputs, Beckon with that of the last step.`,
		`Flow "Graph": its graph is more than a chain of agents, and is left out. Write it as steps: router, foreach, set, loop and parallel.`,
		`Flow "Circle": its graph is more than a chain of agents, and is left out. Write it as steps: router, foreach, set, loop and parallel.`,
		`Flow "With lost": one of its steps was not taken over, and so it is left out.`,
		`Command "Empty": it has no prompt, and is left out.`,
		`Client "CI": it may call "f3", which was not taken over.`,
		`Client "Chat": nothing here is like its type "telegram". Answers go to chats by endpoints.`,
		`Client "Voice": it calls by a webhook and by the runs API; there is no voice interface.`,
		`Client "Without": it may call "a4", which was not taken over.`,
		`Client "Without": none of the agents that it may call was taken over. It is left out.`,
		"Client \"Seconds\": its schedule \"0 0 7 * * 1\". Is not a schedule (expected exactly 5 fields, found 6: [0 0 7 * * 1]). Write five fields (minute, hour, day of month, month, day of week) such as \"0 7 * * 1-5\", or @hourly, @daily, @weekly, @monthly, or @every 90m.",
		`Client "Named": its id cannot be that of a client here; its URL ends in named now.`,
		`Skill "Refunds": put its instructions and files into a folder below skills.path, and name it in skills of its agents.`,
		`Memory provider "Redis": Beckon keeps what it needs in its own database.`,
		`"settings": it has no counterpart.`,
		`"triggers": it has no counterpart.`,
	}, r.Missing)
}

func TestWithoutToolServers(t *testing.T) {
	r, err := magec.Convert([]byte(sample), magec.Options{})
	require.NoError(t, err)
	require.NotContains(t, r.YAML, "toolServers")
	require.NotContains(t, r.YAML, "tools:")
	require.NotContains(t, r.Variables, "DOCS_TOKEN")
	require.Contains(t, r.Missing, `MCP server "Docs": this version of Beckon has no tool servers.`)
}

// A server whose id is kept for built-in tools gets another one, and lists of tools are left out where there are none.
func TestToolServersAlone(t *testing.T) {
	r, err := magec.Convert([]byte(sample), magec.Options{ToolServers: true, IsReserved: func(id string) bool { return id == "docs" }})
	require.NoError(t, err)
	require.Contains(t, r.YAML, "toolServers:\n  - id: docs-tools\n")
	require.NotContains(t, r.YAML, "tools:")
	require.Contains(t, r.Missing, `Agent "Writer": this version of Beckon has no lists of tools, and offers it none of those of its MCP servers.`)
}

// The file may be YAML too, with the same members.
func TestYAML(t *testing.T) {
	var document any
	require.NoError(t, yaml.Unmarshal([]byte("backends: [{id: b, name: B, type: openai, url: \"https://b.example\"}]\nagents: [{id: a, name: A, llm: {backend: b, model: m}}]"), &document))
	text, err := yaml.Marshal(document)
	require.NoError(t, err)
	r, err := magec.Convert(text, magec.Options{})
	require.NoError(t, err)
	require.Contains(t, r.YAML, "provider: b\n")
	require.Empty(t, r.Variables)
}

func TestWhatIsNoDataOfMagec(t *testing.T) {
	for text, says := range map[string]string{
		"":                          "it has no backends",
		"{}":                        "it has no backends",
		"[":                         "it is neither JSON nor YAML",
		`{"backends": "x"}`:         "backends is not what Magec has there: it is a JSON string",
		`{"backends": [{"id": 1}]}`: "is not what Magec has there: it is a JSON number",
		`{"backends": [}`:           "it is not JSON",
		"providers: []":             "it is a configuration of Beckon",
		"server: {port: 1}":         "is it the data of Magec",
	} {
		_, err := magec.Convert([]byte(text), magec.Options{})
		require.ErrorContains(t, err, says, text)
	}
}
