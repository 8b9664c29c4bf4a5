package stub_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sashabaranov/go-openai"
	"github.com/stretchr/testify/require"

	"beckon/bench/stub"
)

func TestAnswersAsAModelWould(t *testing.T) {
	for _, delay := range []time.Duration{0, 30 * time.Millisecond} {
		server := httptest.NewServer(stub.Handler(delay, 0))
		defer server.Close()
		config := openai.DefaultConfig("key")
		config.BaseURL = server.URL + "/v1"
		start := time.Now()
		answer, err := openai.NewClientWithConfig(config).CreateChatCompletion(t.Context(), openai.ChatCompletionRequest{
			Model: "bench", Messages: []openai.ChatCompletionMessage{{Role: "user", Content: "Hello"}}})
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(start), delay)
		require.Equal(t, stub.Text, answer.Choices[0].Message.Content)
		require.Equal(t, openai.FinishReasonStop, answer.Choices[0].FinishReason)
		require.Equal(t, 18, answer.Usage.TotalTokens)
	}
}

func TestAnswersNothingElse(t *testing.T) {
	server := httptest.NewServer(stub.Handler(0, 0))
	defer server.Close()
	for path, status := range map[string]int{"/": 404, "/v1/models": 404, "/v1/chat/completions": 405, "/ready": 200} {
		response, err := http.Get(server.URL + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode, path)
	}
}
