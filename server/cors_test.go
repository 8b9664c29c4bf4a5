package server_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/clients"
)

const (
	listed    = "https://app.example.com"
	ofOther   = "https://other.example.com"
	notListed = "https://evil.example.com"
)

// corsGateway has a client for one origin, one for another, and one for none.
func corsGateway(t *testing.T) *gateway {
	off := false
	return newGateway(t, setting{clients: []clients.Client{
		{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}, CORS: []string{listed}},
		{ID: "other", Passthrough: true, AllowedAgents: []string{"triage"}, CORS: []string{ofOther}},
		{ID: "plain", Passthrough: true, AllowedAgents: []string{"triage"}},
		{ID: "off", Enabled: &off, Passthrough: true, AllowedAgents: []string{"triage"}, CORS: []string{listed}},
	}})
}

// preflight asks as a browser does before a call with a token.
func (g *gateway) preflight(path, origin, method string) answer {
	r := g.request(path, "", "-Authorization", "Origin: "+origin, "Access-Control-Request-Method: "+method,
		"Access-Control-Request-Headers: authorization,content-type,prefer")
	r.Method = http.MethodOptions
	return g.do(r)
}

func TestPreflights(t *testing.T) {
	g := corsGateway(t)
	for _, test := range []struct {
		path, origin, method string
		allowed              bool
	}{
		{"/api/v1/webhooks/ci", listed, "POST", true},
		{"/api/v1/webhooks/c%69", listed, "POST", true},
		{"/api/v1/webhooks/off", listed, "POST", true},
		{"/api/v1/webhooks/ci", listed, "DELETE", false},
		{"/api/v1/webhooks/ci", ofOther, "POST", false},
		{"/api/v1/webhooks/ci", notListed, "POST", false},
		{"/api/v1/webhooks/ci", "null", "POST", false},
		{"/api/v1/webhooks/plain", listed, "POST", false},
		{"/api/v1/webhooks/nobody", listed, "POST", false},
		{"/api/v1/runs", listed, "POST", true},
		{"/api/v1/runs/run_1", listed, "GET", true},
		{"/api/v1/runs/run_1/cancel", ofOther, "POST", true},
		{"/v1/runs/run_1/events", ofOther, "GET", true},
		{"/api/v1/runs/run_1", notListed, "GET", false},
		{"/api/v1/nodes/triage/run", listed, "POST", true},
		{"/api/v1/admin/clients", listed, "GET", false},
		{"/healthz", listed, "GET", false},
	} {
		a := g.preflight(test.path, test.origin, test.method)
		at := test.path + " " + test.origin
		if !test.allowed {
			require.Empty(t, a.Header.Get("Access-Control-Allow-Origin"), at)
			continue
		}
		require.Equal(t, 204, a.StatusCode, at)
		require.Equal(t, test.origin, a.Header.Get("Access-Control-Allow-Origin"), at)
		require.Equal(t, test.method, a.Header.Get("Access-Control-Allow-Methods"), at)
		require.Equal(t, "authorization,content-type,prefer", a.Header.Get("Access-Control-Allow-Headers"), at)
		require.Empty(t, a.Header.Get("Access-Control-Allow-Credentials"), at)
		require.Contains(t, a.Header.Get("Vary"), "Origin", at)
	}
	plain, nobody := g.preflight("/api/v1/webhooks/plain", listed, "POST"), g.preflight("/api/v1/webhooks/nobody", listed, "POST")
	for _, a := range []answer{plain, nobody} {
		for _, name := range []string{"X-Request-Id", "Date"} {
			a.Header.Del(name)
		}
	}
	require.Equal(t, plain.StatusCode, nobody.StatusCode)
	require.Equal(t, plain.Header, nobody.Header, "an unknown client is none without cors")
}

// What a browser shows to a page is decided by the client of the call, or of the token.
func TestOriginsOfCalls(t *testing.T) {
	g := corsGateway(t)
	allowed := func(a answer) string { return a.Header.Get("Access-Control-Allow-Origin") }
	a := g.call("hello", "Origin: "+listed)
	require.Equal(t, 200, a.StatusCode)
	require.Equal(t, listed, allowed(a))
	require.Contains(t, a.Header.Get("Access-Control-Expose-Headers"), "Beckon-Run-Id")
	require.Contains(t, a.Header.Get("Access-Control-Expose-Headers"), "Beckon-Verdict")
	require.Contains(t, a.Header.Values("Vary"), "Origin")
	require.Empty(t, a.Header.Get("Access-Control-Allow-Credentials"))
	run := "/api/v1/runs/" + a.Header.Get("Beckon-Run-Id")

	require.Empty(t, allowed(g.call("hello", "Origin: "+notListed)))
	require.Empty(t, allowed(g.call("hello", "Origin: "+ofOther)))
	require.Empty(t, allowed(g.call("hello")))
	wrong := g.call("hello", "Origin: "+listed, "Authorization: Bearer wrong")
	require.Equal(t, 401, wrong.StatusCode)
	require.Equal(t, listed, allowed(wrong), "the page can read why it was refused")

	get := func(path string, headers ...string) answer {
		r := g.request(path, "", headers...)
		r.Method = http.MethodGet
		return g.do(r)
	}
	for _, path := range []string{run, "/v1" + run[len("/api/v1"):], run + "/events", "/api/v1/runs"} {
		require.Equal(t, listed, allowed(get(path, "Origin: "+listed)), path)
		require.Empty(t, allowed(get(path, "Origin: "+ofOther)), "%s: of a client that is not the token's", path)
		require.Empty(t, allowed(get(path, "Origin: "+notListed)), path)
	}
	require.Equal(t, listed, allowed(g.do(g.request(run+"/cancel", "", "Origin: "+listed))))
	theirs := get(run, "Origin: "+ofOther, "Authorization: Bearer "+token+"other")
	require.Equal(t, 404, theirs.StatusCode)
	require.Equal(t, ofOther, allowed(theirs))
	unknown := get(run, "Origin: "+listed, "Authorization: Bearer wrong")
	require.Equal(t, 401, unknown.StatusCode)
	require.Equal(t, listed, allowed(unknown))
	require.Empty(t, allowed(get("/api/v1/openapi.json", "Origin: "+listed)))
}
