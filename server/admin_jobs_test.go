package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The headers of a job are shown to nobody, stay when they are sent as they are shown, and go to no other host.
func TestHeadersOfJobsAreSecrets(t *testing.T) {
	g := newAdminGateway(t, setting{})
	const body = `{"id":"video","kind":"http","request":{"url":"https://api.example.com/jobs","headers":{"Authorization":"HEADER"}},"artifacts":"answer.files"}`
	made := g.has("/agents", strings.Replace(body, "HEADER", "Bearer v1deo", 1))
	require.NotContains(t, made.body, "v1deo")
	read := g.admin(http.MethodGet, "/agents/video", "")
	require.NotContains(t, read.body, "v1deo")
	require.Contains(t, read.body, `"Authorization":"•••"`)
	require.Contains(t, read.body, `"kind":"http"`)

	kept := g.admin(http.MethodPut, "/agents/video", strings.Replace(body, "HEADER", "•••", 1))
	require.Equal(t, 200, kept.StatusCode, kept.body)
	elsewhere := g.admin(http.MethodPut, "/agents/video", strings.Replace(strings.Replace(body, "HEADER", "•••", 1), "api.example", "evil.example", 1))
	require.Equal(t, 400, elsewhere.StatusCode, elsewhere.body)
	require.Contains(t, elsewhere.body, "request.headers.Authorization")
	wrong := g.admin(http.MethodPut, "/agents/video", strings.Replace(body, "HEADER", "${PATH}", 1))
	require.Equal(t, 400, wrong.StatusCode, wrong.body)
	bad := g.admin(http.MethodPost, "/agents", `{"id":"bad","kind":"http","request":{"url":"https://{{ .input }}/"}}`)
	require.Equal(t, 400, bad.StatusCode, bad.body)
	require.Contains(t, bad.body, "request.url")
}
