package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/secret"
)

const jobs = `providers: [{id: openai, type: openai, apiKey: k}]
agents:
  - id: poster
    kind: image
    provider: openai
    model: m
    request: '{"prompt": {{ json .input }}}'
  - id: video
    kind: http
    request: {url: "https://api.example.com/jobs", headers: {Authorization: "Bearer ${VIDEO_KEY}", X-Key: "literal-header"}}
    output: answer.title
    artifacts: answer.files
`

func TestKindsInAFile(t *testing.T) {
	env := vars{"VIDEO_KEY": "v1deo"}
	c := load(t, jobs, env)
	v := view(t, c, env)
	require.Empty(t, v.Warnings())
	poster, _ := catalog.Find[agents.Agent](v, "poster")
	require.Equal(t, &agents.Request{Body: `{"prompt": {{ json .input }}}`}, poster.Request)
	video, _ := catalog.Find[agents.Agent](v, "video")
	require.Equal(t, secret.String("Bearer v1deo"), video.Request.Headers["Authorization"])
	require.Equal(t, &agents.Output{Text: "answer.title"}, video.Output)
}

// The headers of a job are secrets in an export, whether the file has them or the database.
func TestExportHasNoHeadersOfJobs(t *testing.T) {
	stored := agents.Agent{ID: "stored", Kind: agents.KindHTTP, Request: &agents.Request{URL: "https://api.example.com/x", Headers: map[string]secret.String{"Authorization": "Bearer stored-header"}}}
	text := export(t, jobs, vars{"VIDEO_KEY": "v1deo"}, stored)
	for _, hidden := range []string{"v1deo", "literal-header", "stored-header", secret.Mask} {
		require.NotContains(t, text, hidden)
	}
	require.Contains(t, text, "Bearer ${VIDEO_KEY}")
	require.Contains(t, text, "#   BECKON_AGENT_VIDEO_REQUEST_HEADERS_X_KEY   request.headers.X-Key of agent video")
	require.Contains(t, text, "BECKON_AGENT_STORED_REQUEST_HEADERS_AUTHORIZATION")
	again := load(t, text, vars{"VIDEO_KEY": "v1deo", "BECKON_AGENT_VIDEO_REQUEST_HEADERS_X_KEY": "a", "BECKON_AGENT_STORED_REQUEST_HEADERS_AUTHORIZATION": "b", "BECKON_PROVIDER_OPENAI_API_KEY": "c"})
	require.NotNil(t, again)
}
