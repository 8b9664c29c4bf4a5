package server_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/server"
)

// An alert never goes unanswered: the run, the answer and the events say who answered in the place of whom, and only an
// administrator reads what the provider said.
func TestAFallbackAnswers(t *testing.T) {
	g := newGateway(t, setting{
		providers: []agents.Provider{{ID: "offline", Type: "template", Template: "Look yourself: {{ .prompt }}"}},
		agents:    []agents.Agent{{ID: "alert", Provider: "model", Model: "m", Fallbacks: []agents.Fallback{{Provider: "model", Model: "n"}, {Provider: "offline"}}}},
		flows: []agents.Flow{{ID: "steps", Root: agents.Step{Type: agents.StepSequential, Steps: []agents.Step{
			{Type: agents.StepAgent, AgentID: "alert"}, {Type: agents.StepAgent, AgentID: "alert"}}}}},
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"alert", "steps", "triage"}}},
		server:  func(c *server.Config) { c.Admin = server.Admin{Token: adminToken} },
	})
	g.model.does(func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error":{"message":"the engine is on fire"}}`))
	})
	a := g.call(`{"prompt":"disk full"}`, "Content-Type: application/json")
	require.Equal(t, 200, a.StatusCode, a.body)
	doc := a.json(t)
	require.Equal(t, "Look yourself: disk full", doc["response"])
	require.Equal(t, true, doc["degraded"])
	require.Equal(t, "offline", doc["provider"])
	require.Empty(t, doc["model"])

	id := doc["runId"].(string)
	run := g.get("/api/v1/runs/" + id)
	require.NotContains(t, run.body, "fire")
	doc = run.json(t)
	require.Equal(t, true, doc["degraded"])
	require.Equal(t, "offline", doc["provider"])
	require.Nil(t, doc["model"])
	var who []any
	for _, a := range doc["attempts"].([]any) {
		attempt := a.(map[string]any)
		code := any("")
		if failure, failed := attempt["error"].(map[string]any); failed {
			code = failure["code"]
		}
		who = append(who, attempt["provider"], attempt["model"], attempt["status"], code)
	}
	require.Equal(t, []any{"model", "m", 503.0, "provider_error", "model", "n", 503.0, "provider_error", "offline", nil, nil, ""}, who)
	require.Equal(t, doc["attempts"], doc["nodes"].([]any)[0].(map[string]any)["attempts"])

	request := g.request("/api/v1/admin/runs/"+id, "", "Authorization: Bearer "+adminToken)
	request.Method = http.MethodGet
	require.Contains(t, g.do(request).body, `the engine is on fire`)

	list := g.follow(g.eventsRequest(id))
	require.Contains(t, list[len(list)-1].data, `"output":"Look yourself: disk full","degraded":true,"provider":"offline","model":""}`)

	a = g.call(`{"prompt":"disk full","agent":"steps"}`, "Content-Type: application/json")
	require.Equal(t, true, a.json(t)["degraded"], a.body)
	require.Equal(t, "offline", a.json(t)["provider"])
	run = g.get("/api/v1/runs/" + a.json(t)["runId"].(string))
	require.Empty(t, run.json(t)["attempts"], "they are the nodes'")
	require.Len(t, run.json(t)["nodes"].([]any)[1].(map[string]any)["attempts"], 3)

	g.model.does(nil)
	a = g.call(`{"prompt":"disk full"}`, "Content-Type: application/json")
	require.Equal(t, true, a.json(t)["degraded"], "the provider has failed too often, and is not asked")
	require.Equal(t, 200, g.call(`{"prompt":"disk full","agent":"triage"}`, "Content-Type: application/json").StatusCode, "one without fallbacks asks in any case")
	a = g.call(`{"prompt":"disk full"}`, "Content-Type: application/json")
	require.NotContains(t, a.body, "degraded")
	require.NotContains(t, a.body, "provider")
	require.Equal(t, "m", g.get("/api/v1/runs/" + a.json(t)["runId"].(string)).json(t)["model"])
}

func TestAnAnswerThatIsData(t *testing.T) {
	g := newGateway(t, setting{
		agents:  []agents.Agent{{ID: "judge", Provider: "model", Model: "m", Output: &agents.Output{Schema: agents.OutputSchema{"type": "object", "required": []any{"big"}}}}},
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"judge"}}},
	})
	g.model.does(func(w http.ResponseWriter, _ *http.Request, _ string) {
		say(w, "Sure: ```json\n{\"big\": 9007199254740993}\n```")
	})
	a := g.call(`{"prompt":"how many?"}`, "Content-Type: application/json")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Contains(t, a.body, `"response":"{\"big\": 9007199254740993}"`)
	require.Contains(t, a.body, `"data":{"big":9007199254740993}`)
	run := g.get("/api/v1/runs/" + a.json(t)["runId"].(string))
	require.Contains(t, run.body, `"data":{"big":9007199254740993}`)

	g.model.does(func(w http.ResponseWriter, _ *http.Request, _ string) { say(w, "I would rather not.") })
	a = g.call(`{"prompt":"how many?"}`, "Content-Type: application/json")
	require.Equal(t, http.StatusBadGateway, a.StatusCode)
	require.Equal(t, "output_invalid", a.json(t)["code"])
	require.Contains(t, a.json(t)["detail"], "it is not JSON")
}
