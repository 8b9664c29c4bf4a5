package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/clients"
	"beckon/internal/problem"
	"beckon/server"
)

const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"

// painter answers with nothing but a file, which has its prompt in it.
type painter struct{}

func (painter) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	a, err := call.Files.Save(ctx, "cat.png", "image/jpeg", strings.NewReader(png+call.Prompt))
	return agents.Result{Artifacts: []agents.Artifact{a}}, err
}

// movable is a clock that a test moves.
type movable struct {
	mu sync.Mutex
	at time.Time
}

func (c *movable) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *movable) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// newPainter is a gateway whose agent triage makes pictures.
func newPainter(t *testing.T) (*gateway, *movable) {
	clock := &movable{at: time.Now()}
	g := newGateway(t, setting{now: clock.now,
		invoke:    map[string]agents.Factory{"painter": func(agents.Provider, agents.Agent) (agents.Invoker, problem.Fields) { return painter{}, nil }},
		providers: []agents.Provider{{ID: "painter", Type: "painter"}}, agents: []agents.Agent{{ID: "paint", Provider: "painter"}},
		flows: []agents.Flow{{ID: "gallery", Root: agents.Step{Type: agents.StepParallel, Steps: []agents.Step{{Type: agents.StepAgent, AgentID: "paint"}, {Type: agents.StepAgent, AgentID: "paint"}}}}},
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"paint"}}, {ID: "gallery", Passthrough: true, AllowedAgents: []string{"gallery"}},
			{ID: "text", Passthrough: true, AllowedAgents: []string{"triage"}}},
		server: func(c *server.Config) { c.Admin.Token = "admin" }})
	return g, clock
}

// open opens a link as somebody behind the proxy does.
func (g *gateway) open(link any, headers ...string) answer {
	path, ok := strings.CutPrefix(link.(string), publicURL)
	require.True(g.t, ok, "%s", link)
	r := g.request(path, "", append(headers, "-Authorization: ")...)
	r.Method, r.Body = http.MethodGet, nil
	return g.do(r)
}

func (g *gateway) admin(method, path string) answer {
	r := g.request(path, "", "Authorization: Bearer admin")
	r.Method, r.Body = method, nil
	return g.do(r)
}

func firstOf(t *testing.T, document map[string]any) map[string]any {
	list, _ := document["artifacts"].([]any)
	require.NotEmpty(t, list, "%v", document)
	return list[0].(map[string]any)
}

func TestACallBringsItsArtifacts(t *testing.T) {
	g, clock := newPainter(t)
	a := g.call("meow", "Prefer: wait=10")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Empty(t, a.json(t)["response"])
	made := firstOf(t, a.json(t))
	require.Equal(t, "cat.png", made["name"])
	require.Equal(t, "image/png", made["mediaType"], "by its content")
	require.EqualValues(t, len(png)+4, made["bytes"])
	require.Len(t, made["sha256"], 64)
	require.Equal(t, "paint", made["nodeId"])
	expires, err := time.Parse(time.RFC3339, made["expiresAt"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, clock.now().Add(168*time.Hour), expires, time.Second)

	file := g.open(made["url"])
	require.Equal(t, 200, file.StatusCode)
	require.Equal(t, png+"meow", file.body)
	require.Equal(t, "image/png", file.Header.Get("Content-Type"))
	require.Contains(t, file.Header.Get("Cache-Control"), "private")
	require.Empty(t, file.Header.Values("Set-Cookie"))
	part := g.open(made["url"], "Range: bytes=1-3")
	require.Equal(t, 206, part.StatusCode)
	require.Equal(t, "PNG", part.body)
	require.Equal(t, 304, g.open(made["url"], "If-None-Match: "+file.Header.Get("ETag")).StatusCode)
	head := g.request(strings.TrimPrefix(made["url"].(string), publicURL), "")
	head.Method = http.MethodHead
	headed := g.do(head)
	require.Equal(t, 200, headed.StatusCode)
	require.EqualValues(t, len(png)+4, headed.ContentLength)

	runID := a.Header.Get("Beckon-Run-Id")
	read := g.request("/api/v1/runs/"+runID, "")
	read.Method = http.MethodGet
	document := g.do(read).json(t)
	require.Equal(t, made["id"], firstOf(t, document)["id"])
	require.Equal(t, made["id"], firstOf(t, g.admin(http.MethodGet, "/api/v1/admin/runs/"+runID).json(t))["id"])
	stats := g.admin(http.MethodGet, "/api/v1/admin/stats").json(t)
	require.Equal(t, map[string]any{"count": 1.0, "bytes": float64(len(png) + 4)}, stats["artifacts"])

	follow := g.request("/api/v1/runs/"+runID+"/events", "")
	follow.Method = http.MethodGet
	require.Contains(t, g.do(follow).body, publicURL+"/a/"+made["id"].(string)+"?", "who follows a run gets links too")

	cut := made["url"].(string)
	require.Equal(t, 404, g.open(cut[:len(cut)-1]).StatusCode)
	clock.pass(168 * time.Hour)
	over := g.open(made["url"])
	require.Equal(t, 410, over.StatusCode)
	require.Equal(t, "link_expired", over.json(t)["code"])
	fresh := firstOf(t, g.do(read.Clone(t.Context())).json(t))["url"]
	require.Equal(t, 200, g.open(fresh).StatusCode)

	require.Equal(t, 401, g.do(func() *http.Request {
		r := g.request("/api/v1/admin/artifacts/"+made["id"].(string), "")
		r.Method = http.MethodDelete
		return r
	}()).StatusCode, "a client may not remove it")
	require.Equal(t, 204, g.admin(http.MethodDelete, "/api/v1/admin/artifacts/"+made["id"].(string)).StatusCode)
	require.Equal(t, 404, g.admin(http.MethodDelete, "/api/v1/admin/artifacts/"+made["id"].(string)).StatusCode)
	gone := g.open(fresh)
	require.Equal(t, 404, gone.StatusCode)
	require.Equal(t, "artifact_not_found", gone.json(t)["code"])
	require.Empty(t, g.do(read.Clone(t.Context())).json(t)["artifacts"])
	require.Contains(t, g.admin(http.MethodGet, "/api/v1/admin/audit").body, made["id"].(string))
}

func TestACallWithoutArtifactsIsAsItWas(t *testing.T) {
	g, _ := newPainter(t)
	a := g.do(g.request("/api/v1/webhooks/text", "why?", "Authorization: Bearer "+token+"text"))
	require.Equal(t, 200, a.StatusCode, a.body)
	require.NotContains(t, a.json(t), "artifacts")
}

func TestAFlowNamesAllThatItsNodesHaveMade(t *testing.T) {
	g, _ := newPainter(t)
	a := g.do(g.request("/api/v1/webhooks/gallery", "meow", "Authorization: Bearer "+token+"gallery", "Prefer: wait=10"))
	require.Equal(t, 200, a.StatusCode, a.body)
	list := a.json(t)["artifacts"].([]any)
	require.Len(t, list, 2)
	nodes := map[any]bool{}
	for _, one := range list {
		nodes[one.(map[string]any)["nodeId"]] = true
	}
	require.Equal(t, map[any]bool{"paint": true, "paint-2": true}, nodes)
}

// A receiver that was away for longer than links open gets one that opens.
func TestEachAttemptHasLinksOfItsOwn(t *testing.T) {
	g, clock := newPainter(t)
	links := make(chan string, 2)
	attempts := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var payload struct {
			Data struct{ Artifacts []artifacts.Linked }
		}
		if err := json.NewDecoder(r.Body).Decode(&payload); err != nil || len(payload.Data.Artifacts) != 1 {
			t.Errorf("%+v: %v", payload, err)
			return
		}
		links <- payload.Data.Artifacts[0].URL
		if attempts++; attempts == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(receiver.Close)
	body := `{"prompt":"meow","webhook":{"url":"` + receiver.URL + `","events":["run.completed"],"retry":["1h"]}}`
	a := g.call(body, "Content-Type: application/json", "Prefer: wait=10")
	require.Equal(t, 200, a.StatusCode, a.body)
	first := <-links
	require.Equal(t, 200, g.open(first).StatusCode)

	clock.pass(169 * time.Hour)
	require.Equal(t, 410, g.open(first).StatusCode)
	var id string
	require.Eventually(t, func() bool {
		page := g.admin(http.MethodGet, "/api/v1/admin/deliveries").json(t)
		delivery := page["items"].([]any)[0].(map[string]any)
		id = delivery["id"].(string)
		return delivery["attemptCount"] == 1.0 && delivery["status"] == "PENDING"
	}, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, 202, g.admin(http.MethodPost, "/api/v1/admin/deliveries/"+id+"/resend").StatusCode)
	second := <-links
	require.Equal(t, 200, g.open(second).StatusCode)
}
