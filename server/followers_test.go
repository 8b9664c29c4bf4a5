package server_test

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls"
	"beckon/clients"
	"beckon/runs"
	"beckon/server"
)

// revoked is a gateway whose clients have no token any more from the moment on that it says so.
func revoked(t *testing.T, now *atomic.Bool, options func(*server.Config)) *gateway {
	return newGateway(t, setting{server: func(c *server.Config) {
		catalog := c.Calls.Catalog
		c.Calls.Catalog = func() calls.Catalog {
			current := catalog()
			if now.Load() {
				current.Clients, _ = clients.NewSet(nil, clients.NewLimits())
			}
			return current
		}
		options(c)
	}})
}

// A token that has been taken away ends the streams that it has opened: at the next heartbeat, and before the answer.
func TestStreamsEndWithTheirToken(t *testing.T) {
	follower := &http.Client{Timeout: 20 * time.Second}
	for name, heartbeat := range map[string]time.Duration{"heartbeat": 10 * time.Millisecond, "end": time.Hour} {
		t.Run(name, func(t *testing.T) {
			var now atomic.Bool
			g := revoked(t, &now, func(c *server.Config) { c.Heartbeat = heartbeat })
			g.model.hold()
			started := g.do(g.request("/api/v1/runs", `{"prompt":"x"}`, "Content-Type: application/json"))
			require.Equal(t, http.StatusAccepted, started.StatusCode)
			<-g.model.asked
			follow := g.request("/api/v1/runs/"+started.Header.Get("Beckon-Run-Id")+"/events", "")
			follow.Method = http.MethodGet
			var open []*http.Response
			for _, r := range []*http.Request{follow, g.request("/api/v1/webhooks/ci", "y", "Accept: text/event-stream")} {
				response, err := follower.Do(r)
				require.NoError(t, err)
				defer response.Body.Close()
				require.Equal(t, http.StatusOK, response.StatusCode)
				open = append(open, response)
			}
			now.Store(true)
			if name == "end" {
				g.model.letGo()
			}
			for _, response := range open {
				text, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.NotContains(t, string(text), "event: run.completed") // a piece of text may have come by itself before
			}
		})
	}
}

func TestStreamsOfAClientAreBounded(t *testing.T) {
	g := newGateway(t, setting{server: func(c *server.Config) { c.MaxConnections = 6 }}) // half of which may be streams of one client
	g.model.hold()
	started := g.do(g.request("/api/v1/runs", `{"prompt":"x"}`, "Content-Type: application/json"))
	<-g.model.asked
	follow := func() *http.Response {
		r := g.request("/api/v1/runs/"+started.Header.Get("Beckon-Run-Id")+"/events", "")
		r.Method = http.MethodGet
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		return response
	}
	var open []*http.Response
	for range 3 {
		response := follow()
		require.Equal(t, http.StatusOK, response.StatusCode)
		open = append(open, response)
	}
	refused := follow()
	require.Equal(t, http.StatusTooManyRequests, refused.StatusCode)
	require.Equal(t, "1", refused.Header.Get("Retry-After"))
	require.NoError(t, refused.Body.Close())
	for _, response := range open {
		require.NoError(t, response.Body.Close())
	}
	require.Eventually(t, func() bool {
		response := follow()
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, patience, 10*time.Millisecond)
}

// A client that sends its bodies slowly takes no place among the calls from others, and has an end itself.
func TestSlowBodiesKeepNobodyOut(t *testing.T) {
	g := newGateway(t, setting{runs: func(c *runs.Config) { c.MaxConcurrent = 2 }, clients: []clients.Client{
		{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}}, {ID: "slow", Passthrough: true, AllowedAgents: []string{"triage"}}}})
	for range 2 {
		_, err := io.WriteString(g.dial(), "POST /api/v1/webhooks/slow HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"slow\r\nContent-Length: 100\r\n\r\nx")
		require.NoError(t, err)
	}
	slow := func() answer {
		return g.do(g.request("/api/v1/webhooks/slow", "x", "Authorization: Bearer "+token+"slow"))
	}
	require.Eventually(t, func() bool { return slow().StatusCode == http.StatusTooManyRequests }, patience, time.Millisecond)
	requireProblem(t, slow(), "too_many_concurrent_calls")
	require.Equal(t, http.StatusOK, g.call("x").StatusCode)
}
