package chat_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sashabaranov/go-openai"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/internal/egress"
)

// inMemory answers without a network, so that what remains is the client's own work.
type inMemory struct{ body string }

func (m inMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, req.Body)
	return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: int64(len(m.body)),
		Body: io.NopCloser(strings.NewReader(m.body)), Request: req}, nil
}

// BenchmarkInvoke compares a call of an agent, from its set to this package, with the same call of go-openai alone, in parallel as the
// gateway does it: over HTTP to a server in this process, and with no network at all.
func BenchmarkInvoke(b *testing.B) {
	body := answer(strings.Repeat("All is well. ", 40))
	server := httptest.NewServer(reply(200, body))
	defer server.Close()
	pooled := egress.NewProviders()
	defer pooled.CloseIdleConnections()
	for _, over := range []struct {
		name      string
		transport http.RoundTripper
	}{{"http", pooled}, {"memory", inMemory{body}}} {
		config := openai.DefaultConfig(key)
		config.BaseURL, config.HTTPClient = server.URL, &http.Client{Transport: over.transport}
		client := openai.NewClientWithConfig(config)
		b.Run(over.name+"/bare", func(b *testing.B) {
			parallel(b, func(ctx context.Context) error {
				_, err := client.CreateChatCompletion(ctx, openai.ChatCompletionRequest{Model: "m", Messages: []openai.ChatCompletionMessage{
					{Role: openai.ChatMessageRoleSystem, Content: "Be brief."}, {Role: openai.ChatMessageRoleUser, Content: prompt}}})
				return err
			})
		})
		how := agents.Factories{Providers: map[string]agents.Factory{"openai": chat.New(over.transport, slog.New(slog.DiscardHandler))}}
		set, _ := agents.NewSet(how, []agents.Provider{{ID: "acme", Type: "openai", URL: server.URL, APIKey: key}},
			[]agents.Agent{{ID: "triage", Provider: "acme", Model: "m", SystemPrompt: "Be brief."}}, nil)
		agent := set.Get("triage").Invoker
		b.Run(over.name+"/beckon", func(b *testing.B) {
			parallel(b, func(ctx context.Context) error {
				_, err := ask(ctx, agent)
				return err
			})
		})
	}
}

func parallel(b *testing.B, call func(context.Context) error) {
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ctx, cancel := context.WithTimeout(b.Context(), agents.DefaultTimeout) // as every run has
			err := call(ctx)
			cancel()
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}
