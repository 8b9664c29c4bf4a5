package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// modelAnswers is a model server that answers at once: streamed to whoever asks for a stream.
func modelAnswers(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	const usage = `"usage":{"prompt_tokens":12,"completion_tokens":6,"total_tokens":18}`
	if strings.Contains(string(body), `"stream":true`) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}],`+usage+"}\n\ndata: [DONE]\n\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":`+
		`{"role":"assistant","content":"hello"},"finish_reason":"stop"}],`+usage+`}`)
}

// BenchmarkCalls is the work of a busy gateway, over HTTP, on SQLite: calls that wait, the same within budgets, queued ones, and
// such with a webhook that is delivered.
func BenchmarkCalls(b *testing.B) {
	model := httptest.NewServer(http.HandlerFunc(modelAnswers))
	b.Cleanup(model.Close)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(receiver.Close)
	s := start(b, load(b, fmt.Sprintf(`
database: {url: %q}
admin: {password: "a password"}
egress: {allowPrivate: [127.0.0.0/8]}
providers: [{id: p, type: openai, url: "%s/v1", apiKey: k}]
agents: [{id: a, provider: p, model: m}]
prices: [{model: m, input: 1, output: 2}]
clients:
  - {id: ci, token: t0ken, passthrough: true, allowedAgents: [a]}
  - {id: budgeted, token: t0ken2, passthrough: true, allowedAgents: [a], budget: {perDay: 1000000, perMonth: {tokens: 1000000000000}}}
`, sqliteIn(b.TempDir()), model.URL)))
	s.client.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	for _, kind := range []struct {
		name, client, token, prefer, body string
		status                            int
	}{
		{"waiting", "ci", "t0ken", "", `{"prompt":"hi"}`, http.StatusOK},
		{"within budgets", "budgeted", "t0ken2", "", `{"prompt":"hi"}`, http.StatusOK},
		{"queued", "ci", "t0ken", "respond-async", `{"prompt":"hi"}`, http.StatusAccepted},
		{"with a webhook", "ci", "t0ken", "", fmt.Sprintf(`{"prompt":"hi","webhook":{"url":"%s/x"}}`, receiver.URL), http.StatusOK},
	} {
		b.Run(kind.name, func(b *testing.B) {
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r, err := http.NewRequest(http.MethodPost, s.url+"/api/v1/webhooks/"+kind.client, strings.NewReader(kind.body))
					require.NoError(b, err)
					r.Header.Set("Authorization", "Bearer "+kind.token)
					r.Header.Set("Content-Type", "application/json")
					r.Header.Set("Prefer", kind.prefer)
					response, err := s.client.Do(r)
					require.NoError(b, err)
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
					if response.StatusCode != kind.status && response.StatusCode != http.StatusTooManyRequests {
						b.Errorf("status %d", response.StatusCode)
						return
					}
				}
			})
		})
	}
}
