package server_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// told is what a receiver was sent.
type told struct {
	header  http.Header
	body    []byte
	payload map[string]any
}

func newListener(t testing.TB) (url string, got chan told) {
	got = make(chan told, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		x := told{r.Header, body, nil}
		_ = json.Unmarshal(body, &x.payload)
		got <- x
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func next(t testing.TB, got chan told) told {
	select {
	case x := <-got:
		return x
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was told")
		return told{}
	}
}

func TestACallIsCalledBack(t *testing.T) {
	url, got := newListener(t)
	g := newGateway(t, setting{})
	for _, how := range []struct {
		name, path, prefer string
		status             int
	}{
		{"webhook", "/api/v1/webhooks/ci", "wait=10", 200}, {"webhook, async", "/api/v1/webhooks/ci", "respond-async", 202},
		{"runs", "/api/v1/runs", "respond-async", 202}, {"node", "/api/v1/nodes/triage/run", "wait=10", 200},
	} {
		t.Run(how.name, func(t *testing.T) {
			body := `{"prompt":"why?","metadata":{"team":"web"},"webhook":{"url":"` + url + `","metadata":{"orderId":"order_456"},"headers":{"X-Env":"prod"}}}`
			a := g.do(g.request(how.path, body, "Content-Type: application/json", "Prefer: "+how.prefer))
			require.Equal(t, how.status, a.StatusCode, a.body)
			id := a.Header.Get("Beckon-Run-Id")
			// What the receiver verifies with follows from the client's token.
			verifier, err := webhooks.NewWebhook(clients.CallbackSecret(clients.HashOf(token)).Reveal())
			require.NoError(t, err)
			seen := map[string]told{}
			for range 2 {
				x := next(t, got)
				require.NoError(t, verifier.Verify(x.body, x.header))
				require.Equal(t, "prod", x.header.Get("X-Env"))
				require.Equal(t, id, x.payload["runId"])
				require.Equal(t, map[string]any{"orderId": "order_456", "team": "web"}, x.payload["metadata"])
				seen[x.payload["type"].(string)] = x
			}
			require.Contains(t, seen, "run.started")
			require.Equal(t, map[string]any{"status": "COMPLETED", "completedNodes": 1.0, "failedNodes": 0.0, "output": "re: why?"}, seen["run.completed"].payload["data"])
			require.Equal(t, true, seen["run.completed"].payload["success"])
		})
	}
}

// Endpoints hear of calls that say nothing of a webhook, under the names that the agent gives its events.
func TestEndpointsHearOfCalls(t *testing.T) {
	url, got := newListener(t)
	g := newGateway(t, setting{
		agents: []agents.Agent{{ID: "leads", Provider: "model", Model: "m", Events: map[string]string{"run.completed": "lead.completed"}}},
		flows: []agents.Flow{{ID: "research", Root: agents.Step{Type: "sequential", Steps: []agents.Step{
			{Type: "agent", AgentID: "triage", Events: map[string]string{"started": "research.started", "completed": "research.completed"}}}}}},
		clients:   []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"leads", "research"}}},
		endpoints: []deliveries.Endpoint{{ID: "crm", URL: url, Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Events: []string{"lead.completed", "research.started", "research.completed", "run.viewed"}}},
	})
	a := g.do(g.request("/api/v1/webhooks/ci", "x"))
	require.Equal(t, 200, a.StatusCode, a.body)
	x := next(t, got)
	require.Equal(t, "lead.completed", x.payload["type"])
	require.Equal(t, a.Header.Get("Beckon-Run-Id"), x.payload["runId"])

	a = g.do(g.request("/api/v1/webhooks/ci?agent=research", "x"))
	require.Equal(t, 200, a.StatusCode, a.body)
	require.ElementsMatch(t, []any{"research.started", "research.completed"}, []any{next(t, got).payload["type"], next(t, got).payload["type"]})

	// Who looks at an ended run is told of once.
	id := a.Header.Get("Beckon-Run-Id")
	for range 2 {
		r := g.request("/api/v1/runs/"+id, "")
		r.Method = http.MethodGet
		require.Equal(t, 200, g.do(r).StatusCode)
	}
	x = next(t, got)
	require.Equal(t, "run.viewed", x.payload["type"])
	require.Equal(t, id, x.payload["runId"])
	require.Empty(t, got)
}

func TestWebhookKeys(t *testing.T) {
	url, got := newListener(t)
	g := newGateway(t, setting{endpoints: []deliveries.Endpoint{{ID: "ops", URL: url, Signature: "standard-ed25519", Events: []string{"run.completed"}},
		{ID: "own", URL: url, Signature: "standard-ed25519", Secret: secret.String("whsk_" + base64.StdEncoding.EncodeToString(make([]byte, 32))), Events: []string{"run.failed"}}}})
	r := g.request("/.well-known/webhook-keys.json", "", "-Authorization")
	r.Method = http.MethodGet
	a := g.do(r)
	require.Equal(t, 200, a.StatusCode)
	keys := a.json(t)["keys"].([]any)
	require.Len(t, keys, 2)
	key := keys[0].(map[string]any)
	require.Equal(t, "gateway", key["kid"])
	require.NotContains(t, a.body, "whsk_")
	require.Equal(t, 200, g.do(g.request("/api/v1/webhooks/ci", "x")).StatusCode)
	x := next(t, got)
	require.True(t, strings.HasPrefix(x.header.Get("webhook-signature"), "v1a,"))
	requireSignedBy(t, key["standardWebhooks"].(string), x)
}

// requireSignedBy verifies with the public key alone.
func requireSignedBy(t *testing.T, public string, x told) {
	_, err := signature.Verify(x.header, x.body, secret.String(public), "", time.Now())
	require.NoError(t, err)
}

// The caller sees what was sent to its own webhook, and nobody else's.
func TestACallerSeesItsDeliveries(t *testing.T) {
	url, got := newListener(t)
	g := newGateway(t, setting{clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}}, {ID: "else", Passthrough: true, AllowedAgents: []string{"triage"}}}})
	a := g.do(g.request("/api/v1/runs", `{"prompt":"hi","webhook":{"url":"`+url+`?key=hush","events":["run.completed"]}}`))
	require.Equal(t, 202, a.StatusCode, a.body)
	run := a.json(t)["runId"].(string)
	next(t, got)
	var items []any
	require.Eventually(t, func() bool {
		a := g.get("/api/v1/runs/" + run + "/deliveries")
		require.Equal(t, 200, a.StatusCode, a.body)
		require.NotContains(t, a.body, "hush")
		items = a.json(t)["items"].([]any)
		return len(items) == 1 && items[0].(map[string]any)["status"] == "DELIVERED"
	}, patience, 5*time.Millisecond)
	sent := items[0].(map[string]any)
	require.Equal(t, "run.completed", sent["type"])
	require.Nil(t, sent["endpointId"])
	require.Equal(t, float64(200), sent["attempts"].([]any)[0].(map[string]any)["statusCode"])
	require.Equal(t, 404, g.get("/api/v1/runs/run_none/deliveries").StatusCode)
	require.Equal(t, 404, g.get("/api/v1/runs/"+run+"/deliveries", "Authorization: Bearer "+token+"else").StatusCode)
	require.Equal(t, 401, g.get("/api/v1/runs/"+run+"/deliveries", "-Authorization").StatusCode)
	require.Equal(t, 400, g.get("/api/v1/runs/"+run+"/deliveries?limit=1000").StatusCode)
}
