package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/findings"
)

func TestAnEmptyAnswerFailsAPipeline(t *testing.T) {
	require.ErrorContains(t, pipelineFlags{Gate: true}.conclude(findings.Answer{RunID: "run_1", Text: " \n", Verdict: "pass"}, nil), "the answer of run run_1 is empty")
	require.NoError(t, pipelineFlags{}.conclude(findings.Answer{RunID: "run_1"}, nil))
}

// A call whose first one is still running waits for the run of that one.
func TestACallInFlightIsWaitedFor(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusConflict)
			_, _ = w.Write([]byte(`{"code":"idempotency_in_flight","detail":"It is still running.","runId":"run_1"}`))
		case strings.HasSuffix(r.URL.Path, "/events"):
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write([]byte("event: run.completed\nid: evt_1\ndata: {\"runId\":\"run_1\",\"data\":{\"status\":\"COMPLETED\",\"output\":\"{}\",\"verdict\":\"fail\"}}\n\n"))
		default:
			_, _ = w.Write([]byte(`{"runId":"run_1","status":"COMPLETED","output":"{}","verdict":"fail","verdictReason":"It is not met.","data":{}}`))
		}
	}))
	t.Cleanup(gateway.Close)
	var out, told bytes.Buffer
	code := run([]string{"invoke", "ci", "hi", "--idempotency-key", "k", "--url", gateway.URL, "--token", "t"}, streams{strings.NewReader(""), &out, &told})
	require.Equal(t, exitGate, code, told.String())
	require.Equal(t, "{}\n", out.String())
	require.True(t, strings.HasSuffix(told.String(), "beckon: run run_1 does not pass: It is not met.\n"), told.String())
}
