package server_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/internal/units"
	"beckon/server"
)

// An agent that runs out of time is a 504 for a caller that says nothing of how long it waits: a call outlasts its agent.
func TestACallOutlastsItsAgent(t *testing.T) {
	g := newGateway(t, setting{agents: []agents.Agent{{ID: "brief", Provider: "model", Model: "m", Timeout: units.Duration(50 * time.Millisecond)}},
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"brief"}}}})
	g.model.hold()
	a := g.call("x")
	require.Equal(t, 504, a.StatusCode, a.body)
	requireProblem(t, a, "agent_timeout")
}

func TestRequireResult(t *testing.T) {
	g := newGateway(t, setting{})
	g.model.hold()
	a := g.call("x", "Prefer: wait=0, require-result")
	require.Equal(t, 504, a.StatusCode, a.body)
	requireProblem(t, a, "result_not_ready")
	require.Equal(t, "wait=0, require-result", a.Header.Get("Preference-Applied"))
	id := a.Header.Get("Beckon-Run-Id")
	require.Equal(t, "/api/v1/runs/"+id, a.Header.Get("Location"))
	require.Equal(t, id, a.json(t)["runId"])
	g.model.letGo()
	require.True(t, g.awaitRun(id).Status.Ended())

	a = g.call("x", "Prefer: require-result")
	require.Equal(t, 200, a.StatusCode, a.body)
}

// Behind a proxy that cuts connections nobody waits longer than it.
func TestNobodyWaitsLongerThanTheProxy(t *testing.T) {
	g := newGateway(t, setting{server: func(c *server.Config) { c.Calls.ProxyTimeout = 100 * time.Millisecond }})
	g.model.hold()
	for _, prefer := range []string{"Prefer: wait=900", "Prefer: return=minimal"} {
		a := g.call("x", prefer)
		require.Equal(t, 202, a.StatusCode, a.body)
		require.NotEmpty(t, a.Header.Get("Beckon-Run-Id"))
	}
	a := g.do(g.request("/api/v1/runs", `{"agent":"triage","prompt":"x"}`, "Content-Type: application/json", "Prefer: wait=900"))
	require.Equal(t, 202, a.StatusCode, a.body)
}

// The head of the answer is there while the model still works, blanks follow, and then the document.
func TestHeartbeat(t *testing.T) {
	g := newGateway(t, setting{server: func(c *server.Config) { c.Heartbeat = 10 * time.Millisecond }})
	begin := func(prefer string) (*http.Response, *bufio.Reader) {
		response, err := http.DefaultTransport.RoundTrip(g.request("/api/v1/webhooks/ci", "x", prefer))
		require.NoError(t, err)
		t.Cleanup(func() { _ = response.Body.Close() })
		require.Equal(t, 200, response.StatusCode)
		require.Equal(t, "application/json", response.Header.Get("Content-Type"))
		require.NotEmpty(t, response.Header.Get("Beckon-Run-Id"))
		return response, bufio.NewReader(response.Body)
	}
	end := func(r io.Reader) map[string]any {
		body, err := io.ReadAll(r)
		require.NoError(t, err)
		document := map[string]any{}
		require.NoError(t, json.Unmarshal(body, &document), string(body))
		return document
	}

	g.model.hold()
	response, body := begin("Prefer: heartbeat")
	require.Equal(t, "heartbeat", response.Header.Get("Preference-Applied"))
	blanks := make([]byte, 3)
	_, err := io.ReadFull(body, blanks)
	require.NoError(t, err)
	require.Equal(t, "   ", string(blanks))
	g.model.letGo()
	document := end(body)
	require.Equal(t, true, document["ok"])
	require.Equal(t, "late: x", document["response"])

	g.model.does(func(w http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() })
	_, body = begin("Prefer: heartbeat, wait=0")
	document = end(body)
	require.Equal(t, "RUNNING", document["status"])
	require.Equal(t, "/api/v1/runs/"+document["runId"].(string), document["url"])
	require.Equal(t, 202, g.do(g.request(document["url"].(string)+"/cancel", "")).StatusCode)

	g.model.does(func(w http.ResponseWriter, _ *http.Request, _ string) { http.Error(w, "no", http.StatusBadRequest) })
	response, body = begin("Prefer: heartbeat")
	document = end(body)
	require.Equal(t, false, document["ok"])
	require.Equal(t, response.Header.Get("Beckon-Run-Id"), document["runId"])
	require.EqualValues(t, 502, document["status"])

	a := g.call("", "Prefer: heartbeat")
	require.Equal(t, 400, a.StatusCode, "what is refused before it runs has its status")
	require.False(t, strings.HasPrefix(a.body, " "))
}
