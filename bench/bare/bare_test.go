package bare_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/bench/bare"
	"beckon/bench/stub"
)

func TestHandsThePromptOnAndTheAnswerBack(t *testing.T) {
	var asked string
	stubbed := stub.Handler(0, 0)
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = string(body)
		r.Body = io.NopCloser(strings.NewReader(asked))
		stubbed.ServeHTTP(w, r)
	}))
	defer model.Close()
	status, body := post(t, model.URL+"/v1", `{"prompt":"Hello there"}`)
	require.Equal(t, 200, status, body)
	require.JSONEq(t, `{"response":"`+stub.Text+`"}`, body)
	require.JSONEq(t, `{"model":"bench","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello there"}],"stream":false}`, asked)
}

func TestAFailureIsNoAnswer(t *testing.T) {
	model := httptest.NewServer(http.NotFoundHandler())
	defer model.Close()
	status, _ := post(t, model.URL+"/v1", `{"prompt":"Hello there"}`)
	require.Equal(t, 502, status)
	status, _ = post(t, model.URL+"/v1", `{"prompt":`)
	require.Equal(t, 400, status)
}

func post(t *testing.T, model, body string) (int, string) {
	server := httptest.NewServer(bare.Handler(model))
	defer server.Close()
	response, err := http.Post(server.URL, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(answer)
}
