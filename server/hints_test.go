package server_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/clients"
)

func packed(t *testing.T, text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// A body that was compressed, and does not say so, is told apart from one that is no text.
func TestGzipWithoutContentEncoding(t *testing.T) {
	g := newGateway(t, setting{})
	body := packed(t, `{"prompt":"hello"}`)
	for _, test := range []struct{ path, contentType, code string }{
		{"webhooks/ci", "text/plain", "invalid_utf8"},
		{"webhooks/ci", "application/json", "invalid_json"},
		{"webhooks/ci", "application/x-www-form-urlencoded", "invalid_utf8"},
		{"runs", "application/json", "invalid_json"},
	} {
		a := g.do(g.request("/api/v1/"+test.path, body, "Content-Type: "+test.contentType))
		require.Equal(t, 400, a.StatusCode, a.body)
		require.Equal(t, test.code, a.json(t)["code"], test)
		require.Equal(t, "The body looks like gzip. Set Content-Encoding: gzip, or send it uncompressed.", a.json(t)["detail"], test)
		a = g.do(g.request("/api/v1/"+test.path, body, "Content-Type: "+test.contentType, "Content-Encoding: gzip", "Prefer: wait=30"))
		require.Equal(t, 200, a.StatusCode, a.body)
	}
	require.NotContains(t, g.call("\x8b\x1f", "Content-Type: text/plain").body, "gzip")
}

// That a client is disabled is meant: its caller is not to come again, whoever it is.
func TestDisabledClientsOfAlertSources(t *testing.T) {
	off := false
	g := newGateway(t, setting{clients: []clients.Client{
		{ID: "ci", Enabled: &off, Source: "alertmanager", AllowedAgents: []string{"triage"}},
		{ID: "hub", Enabled: &off, Source: "github", AllowedAgents: []string{"triage"}},
	}})
	for _, headers := range [][]string{nil, {"Authorization: Bearer " + token + "hub"}} {
		id := "ci"
		if headers != nil {
			id = "hub"
		}
		a := g.do(g.request("/api/v1/webhooks/"+id, "{}", append(headers, "Content-Type: application/json")...))
		require.Equal(t, 403, a.StatusCode, a.body)
		require.Equal(t, "client_disabled", a.json(t)["code"])
		require.Empty(t, a.Header.Get("Retry-After"))
	}
}

// The answers say what to do, and none sends the caller to the other.
func TestWhatToDoAboutARefusal(t *testing.T) {
	g := newGateway(t, setting{clients: []clients.Client{
		{ID: "ci", Passthrough: true, Template: "{{.text}}", AllowedAgents: []string{"triage"}},
		{ID: "github", Source: "github", Secret: clients.Secrets{"a secret of GitHub"}, AllowedAgents: []string{"triage"}},
	}})
	for _, body := range []string{`{"input":"x"}`, `{}`} {
		a := g.do(g.request("/api/v1/runs", body, "Content-Type: application/json"))
		require.Contains(t, a.json(t)["detail"], "Call the client's webhook", body)
		require.NotContains(t, a.json(t)["detail"], "input", body)
	}
	wrong, unknown := g.call("x", "Authorization: Bearer wrong").json(t), g.do(g.request("/api/v1/webhooks/nobody", "x")).json(t)
	require.Equal(t, wrong, unknown)
	require.Equal(t, wrong, g.do(g.request("/api/v1/webhooks/github", "x", "-Authorization")).json(t))
	require.NotContains(t, wrong["detail"], "Bearer mgc_")

	nowhere := g.do(g.request("/api/v1/nowhere", "x"))
	require.Equal(t, http.StatusNotFound, nowhere.StatusCode)
	require.Contains(t, nowhere.json(t)["detail"], "/api/v1/openapi.json")
}
