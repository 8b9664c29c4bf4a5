package server_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/internal/units"
)

// What a call brings no prompt for is done as its client says, else the client's command, else the agent or flow.
func TestWorkWithoutInput(t *testing.T) {
	all := []string{"worker", "triage", "movie"}
	g := newGateway(t, setting{
		agents:   []agents.Agent{{ID: "worker", Provider: "model", Model: "m", Prompt: "the agent's"}},
		flows:    []agents.Flow{{ID: "movie", Prompt: "the flow's", Root: agents.Step{Type: "agent", AgentID: "triage"}}},
		commands: []commands.Command{{ID: "daily", Prompt: "the command's", AgentID: "triage"}},
		clients: []clients.Client{
			{ID: "ci", Passthrough: true, AllowedAgents: all},
			{ID: "own", Passthrough: true, AllowedAgents: all, Prompt: "the client's"},
			{ID: "command", CommandID: "daily", AllowedAgents: all},
			{ID: "both", CommandID: "daily", AllowedAgents: all, Prompt: "the client's"},
			{ID: "alone", AllowedAgents: all, Prompt: "the client's"},
			{ID: "template", Passthrough: true, AllowedAgents: all, Template: "{{.text}}"},
		},
	})
	const webhook = "/api/v1/webhooks/"
	for name, tt := range map[string]struct {
		client, path, body string
		status             int
		input              string // the prompt of the run, or the code of the problem
		agent              string
	}{
		"the agent's":                 {"ci", "/api/v1/runs", `{"workflowId":"worker"}`, 200, "the agent's", "worker"},
		"the flow's":                  {"ci", "/api/v1/runs", `{"workflowId":"movie"}`, 200, "the flow's", "movie"},
		"without a body":              {"ci", "/api/v1/nodes/movie/run", ``, 200, "the flow's", "movie"},
		"an empty object":             {"ci", "/api/v1/runs", ` {} `, 200, "the agent's", "worker"},
		"null":                        {"ci", "/api/v1/runs", `{"input":null,"prompt":null,"priority":1,"sessionId":"s"}`, 200, "the agent's", "worker"},
		"an empty input":              {"ci", "/api/v1/runs", `{"input":{ },"metadata":{}}`, 200, "the agent's", "worker"},
		"a blank prompt":              {"ci", "/api/v1/runs", `{"prompt":" \n"}`, 200, "the agent's", "worker"},
		"the call's own":              {"own", "/api/v1/runs", `{"input":"mine"}`, 200, "mine", "worker"},
		"the client's":                {"own", "/api/v1/runs", `{"workflowId":"movie"}`, 200, "the client's", "movie"},
		"nothing":                     {"ci", "/api/v1/runs", `{"workflowId":"triage"}`, 400, "empty_prompt", ""},
		"webhook, no body":            {"ci", webhook + "ci", ``, 200, "the agent's", "worker"},
		"webhook, its own":            {"own", webhook + "own", `mine`, 200, "mine", "worker"},
		"webhook, the client's":       {"own", webhook + "own", ``, 200, "the client's", "worker"},
		"webhook, JSON is the prompt": {"ci", webhook + "ci", `{"a":1}`, 200, `{"a":1}`, "worker"},
		"webhook, nothing":            {"ci", webhook + "ci?agent=triage", ``, 400, "empty_prompt", ""},
		"command":                     {"command", "/api/v1/runs", `{}`, 200, "the command's", "triage"},
		"command, another agent":      {"command", "/api/v1/runs", `{"workflowId":"movie"}`, 200, "the command's", "movie"},
		"command, by node":            {"command", "/api/v1/nodes/worker/run", `{}`, 200, "the command's", "worker"},
		"command, with input":         {"command", "/api/v1/runs", `{"input":"x"}`, 403, "prompt_not_allowed", ""},
		"command, with a prompt":      {"command", "/api/v1/runs", `{"prompt":"x"}`, 403, "prompt_not_allowed", ""},
		"command, with its own":       {"command", "/api/v1/runs", `{"workflowId":"movie","color":"red"}`, 403, "prompt_not_allowed", ""},
		"command of a client":         {"both", "/api/v1/runs", `{}`, 200, "the client's", "triage"},
		"command, webhook":            {"command", webhook + "command", `{"prompt":"x","agent":"movie"}`, 200, "the command's", "triage"},
		"command, no JSON":            {"command", webhook + "command", `{"webhook":`, 200, "the command's", "triage"},
		"command, text":               {"command", webhook + "command", `x`, 200, "the command's", "triage"},
		"no command":                  {"alone", webhook + "alone", `x`, 200, "the client's", "worker"},
		"no command, run":             {"alone", "/api/v1/runs", `{"agent":"movie"}`, 200, "the client's", "movie"},
		"template, run":               {"template", "/api/v1/runs", `{}`, 200, "the agent's", "worker"},
		"template, with input":        {"template", "/api/v1/runs", `{"input":"x"}`, 403, "prompt_not_allowed", ""},
		"template that makes nothing": {"template", webhook + "template", ` `, 400, "empty_prompt", ""},

		"members":             {"ci", "/api/v1/nodes/worker/run", `{"image_count":1,"style":{"prompt":"a fox","seed":12345678901234567890}}`, 200, `{"image_count":1,"style":{"prompt":"a fox","seed":12345678901234567890}}`, "worker"},
		"members as they are": {"ci", "/api/v1/runs", ` { "b": [1, 2.0], "a": "x" } `, 200, `{ "b": [1, 2.0], "a": "x" }`, "worker"},
		"members that stay":   {"ci", "/api/v1/runs", `{"workflowId":"movie", "b": 1 ,"metadata":{"m":1},"sessionId":"s","agent":"movie","priority":2,"input":null,"a":{"agent":"x"},"prompt":null}`, 200, `{"b":1,"a":{"agent":"x"}}`, "movie"},
		"/v1":                 {"ci", "/v1/runs", `{"workflowId":"worker","input":"x"}`, 200, "x", "worker"},
		"/v1, nodes":          {"ci", "/v1/nodes/movie/run", `{"x":1}`, 200, `{"x":1}`, "movie"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{"Prefer: wait=20", "Content-Type: application/json"}
			if tt.body == "" || tt.body[0] != '{' && tt.body[0] != ' ' {
				headers[1] = "-Content-Type"
			}
			a := g.do(g.request(tt.path, tt.body, append(headers, "Authorization: Bearer "+g.tokenOf(tt.client))...))
			require.Equal(t, tt.status, a.StatusCode, a.body)
			if tt.status != 200 {
				require.Equal(t, tt.input, a.json(t)["code"])
				return
			}
			require.Equal(t, tt.input, g.run(a).Input)
			require.Equal(t, tt.agent, g.run(a).WorkflowID)
		})
	}
}

// tokenOf is the token of a client of the gateway: the first one has the plain token.
func (g *gateway) tokenOf(client string) string {
	if client == "ci" {
		return token
	}
	return token + client
}

// The metadata of a client is under that of the call, and that of the call's webhook over both.
func TestMetadataOfAClient(t *testing.T) {
	url, got := newListener(t)
	g := newGateway(t, setting{
		commands: []commands.Command{{ID: "daily", Prompt: "Go."}},
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}, Metadata: units.Object{"team": "web", "seed": 9007199254740993, "deep": map[string]any{"a": 1}}},
			{ID: "command", CommandID: "daily", AllowedAgents: []string{"triage"}, Metadata: units.Object{"team": "<b>"}}},
	})
	for name, tt := range map[string]struct{ client, path, body, run, told string }{
		"without":  {"ci", "/api/v1/runs", `{"input":"x"`, `{"deep":{"a":1},"seed":9007199254740993,"team":"web"}`, `{"deep":{"a":1},"seed":9007199254740993,"team":"web"}`},
		"over it":  {"ci", "/api/v1/webhooks/ci", `{"prompt":"x","metadata":{"team":"dev","order":1.50,"deep":{},"team":"ops"}`, `{"deep":{},"order":1.50,"seed":9007199254740993,"team":"ops"}`, `{"deep":{},"order":1.50,"seed":9007199254740993,"team":"ops"}`},
		"webhook":  {"ci", "/api/v1/runs", `{"input":"x","metadata":{"team":"ops"}`, `{"deep":{"a":1},"seed":9007199254740993,"team":"ops"}`, `{"deep":{"a":1},"seed":9007199254740993,"team":"last"}`},
		"command":  {"command", "/api/v1/webhooks/command", `{"prompt":"ignored","metadata":{"order":7}`, `{"order":7,"team":"<b>"}`, `{"order":7,"team":"<b>"}`},
		"workflow": {"command", "/v1/runs", `{"workflowId":"triage"`, `{"team":"<b>"}`, `{"team":"last"}`},
	} {
		t.Run(name, func(t *testing.T) {
			own := ""
			if name == "webhook" || name == "workflow" {
				own = `,"metadata":{"team":"last"}`
			}
			body := tt.body + `,"webhook":{"url":"` + url + `","events":["run.completed"]` + own + `}}`
			a := g.do(g.request(tt.path, body, "Prefer: wait=20", "Content-Type: application/json", "Authorization: Bearer "+g.tokenOf(tt.client)))
			require.Equal(t, 200, a.StatusCode, a.body)
			require.Equal(t, tt.run, string(g.run(a).Metadata))
			var payload struct{ Metadata json.RawMessage }
			require.NoError(t, json.Unmarshal(next(t, got).body, &payload))
			require.JSONEq(t, tt.told, string(payload.Metadata))
		})
	}
	for _, body := range []string{`{"metadata":[]}`, `{"webhook":"https://x"}`, `{"webhook":{}}`} {
		a := g.do(g.request("/api/v1/webhooks/command", body, "Authorization: Bearer "+g.tokenOf("command")))
		require.Equal(t, 400, a.StatusCode, body)
	}
	require.Empty(t, got)
}

// /v1/… is the same as /api/v1/….
func TestRunsUnderBothPrefixes(t *testing.T) {
	g := newGateway(t, setting{})
	first := g.do(g.request("/v1/runs", `{"input":"x"}`, "Idempotency-Key: k", "Content-Type: application/json"))
	require.Equal(t, 202, first.StatusCode, first.body)
	id := first.json(t)["runId"].(string)
	require.Equal(t, "/api/v1/runs/"+id, first.Header.Get("Location"))
	again := g.create(`{"input":"x"}`, "Idempotency-Key: k")
	require.Equal(t, 202, again.StatusCode, again.body)
	require.Equal(t, id, again.json(t)["runId"], "the same call under either address")
	g.awaitRun(id)
	for _, prefix := range []string{"/api/v1", "/v1"} {
		require.Equal(t, "COMPLETED", g.get(prefix + "/runs/" + id).json(t)["status"])
		require.Len(t, g.get(prefix + "/runs").json(t)["items"], 1)
		require.Contains(t, g.get(prefix+"/runs/"+id+"/events").body, "event: run.completed")
		require.Equal(t, http.StatusConflict, g.do(g.request(prefix+"/runs/"+id+"/cancel", "")).StatusCode)
	}
	require.Equal(t, http.StatusNotFound, g.do(g.request("/v1/webhooks/ci", "x")).StatusCode)
}
