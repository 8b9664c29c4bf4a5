package server_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// A path means the same however much of it is percent-encoded; only an encoded slash is not a slash.
func TestPathsArePercentDecoded(t *testing.T) {
	g := newAdminGateway(t, setting{})
	token := "Authorization: Bearer " + g.fill()
	run := g.do(g.request("/api/v1/webhooks/web", "x", token)).Header.Get("Beckon-Run-Id")
	require.NotEmpty(t, run)
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/api/v1/webhooks/web", 200},
		{"POST", "/api/v1/webhooks/%77eb", 200},
		{"POST", "/api/v1/webhooks/web/", 200},
		{"POST", "/api/v1/webhooks/%77eb//", 200},
		{"GET", "/api/v1/runs/", 200},
		{"GET", "/healthz/", 200},
		{"POST", "/api/v1/webhooks/%77%65%62", 200},
		{"POST", "/%61pi/v1/web%68ooks/web", 200},
		{"POST", "/api/v1/webhooks/%2577eb", 401},
		{"POST", "/api/v1/webhooks/%77eb%2F", 401},
		{"POST", "/api/v1/webhooks/%2Fweb", 401},
		{"POST", "/api/v1/webhooks/..%2F%77eb", 401},
		{"POST", "/api/v1/webhooks%2Fweb", 404},
		{"POST", "/api/v1/nodes/%61/run", 202},
		{"POST", "/api/v1/nodes/%61%2Frun/run", 403},
		{"GET", "/api/v1/runs/%72" + run[1:], 200},
		{"GET", "/api/v1/runs/" + run + "%2Fevents", 404},
		{"GET", "/api/v1/runs/%252F", 404},
		{"GET", "/api/v1/runs/%00%72", 400},
	} {
		r := g.request(test.path, `{"prompt":"x"}`, token, "Content-Type: application/json")
		r.Method = test.method
		a := g.do(r)
		require.Equal(t, test.status, a.StatusCode, "%s %s: %s", test.method, test.path, a.body)
	}
	for path, want := range map[string]int{"/%63lients/%77eb": 200, "/clients/%2577eb": 404, "/clients/..%2Fclients%2Fweb": 404, "/agents/%61": 200,
		"/runs/%72" + run[1:]: 200, "/%72uns": 200} {
		a := g.admin(http.MethodGet, path, "")
		require.Equal(t, want, a.StatusCode, "%s: %s", path, a.body)
		require.Equal(t, 401, g.admin(http.MethodGet, path, "", "-Authorization").StatusCode, path)
	}
	for _, path := range []string{"/api/v1/%61dmin/clients", "/%61pi/v1/admin/nothing"} {
		require.Equal(t, 401, g.get(path, "-Authorization").StatusCode, path)
	}
}
