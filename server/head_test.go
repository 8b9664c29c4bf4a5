package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	g := newAdminGateway(t, setting{})
	const own = "Authorization: Bearer t0ken-of-file"
	run := g.do(g.request("/api/v1/webhooks/filed", "x", own)).Header.Get("Beckon-Run-Id")
	require.NotEmpty(t, run)
	ask := func(method, path string) answer {
		r := g.request(path, "", own)
		r.Method = method
		if strings.HasPrefix(path, "/api/v1/admin") {
			r.Header.Set("Authorization", "Bearer "+adminToken)
		}
		return g.do(r)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/.well-known/webhook-keys.json", "/api/v1/openapi.json", "/api/v1/runs", "/api/v1/runs/" + run,
		"/api/v1/runs/none", "/api/v1/admin/clients", "/api/v1/admin/clients/filed", "/api/v1/admin/runs/" + run, "/api/v1/admin/stats"} {
		got, head := ask(http.MethodGet, path), ask(http.MethodHead, path)
		require.Equal(t, got.StatusCode, head.StatusCode, path)
		require.Equal(t, got.Header.Get("Content-Type"), head.Header.Get("Content-Type"), path)
		require.Empty(t, head.body, path)
		require.NotEmpty(t, got.body, path)
	}
	require.Equal(t, http.StatusMethodNotAllowed, ask(http.MethodHead, "/api/v1/webhooks/ci").StatusCode)
	require.Equal(t, http.StatusMethodNotAllowed, ask(http.MethodHead, "/api/v1/runs/"+run+"/events").StatusCode)
	require.Equal(t, run, ask(http.MethodGet, "/api/v1/admin/runs/"+run).Header.Get("Beckon-Run-Id"))
}
