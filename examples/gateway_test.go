package examples_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/examples/internal/exampletest"
)

func TestGatewayForPipelines(t *testing.T) {
	e := exampletest.Open(t, "gateway")
	e.Run("secrets")
	receiver := e.Start("receiver")
	e.Start("gateway")
	const because = "The build fails because of: a missing file"
	page, err := os.ReadFile("gateway/README.md")
	require.NoError(t, err)

	t.Run("the answer in the response", func(t *testing.T) {
		requireAnswer(t, e.Run("sync"), "triage", because)
		require.Contains(t, string(page), `{"ok":true,"response":"`+because+`","runId":"run_…","status":"COMPLETED","agent":"triage","usage":{…},"durationMs":…}`)
		require.Equal(t, because, strings.TrimSpace(e.Run("text")))
		requireAnswer(t, e.Run("command"), "reporter", "All checks of last night have passed.")
	})

	t.Run("a failure", func(t *testing.T) {
		head, body, _ := strings.Cut(e.Run("sync", "a missing file", "no reason", "curl -sS", "curl -sS -i"), "\r\n\r\n")
		require.Contains(t, head, "HTTP/1.1 502 ")
		require.Contains(t, head, "\r\nContent-Type: application/problem+json\r\n")
		run := runID.FindString(head)
		const why = `"The template of agent \"triage\" could not be rendered: it came out empty. Check its provider's template."`
		require.JSONEq(t, `{"type":"urn:beckon:problem:template_failed","title":"Bad Gateway","status":502,"detail":`+why+`,"code":"template_failed",
			"ok":false,"error":`+why+`,"runId":"`+run+`"}`, body)
	})

	t.Run("an unknown caller", func(t *testing.T) {
		for _, change := range [][]string{{"$CI_TOKEN", "mgc_another"}, {"/webhooks/ci", "/webhooks/nobody"}} {
			head := e.Run("sync", append(change, "curl -sS", "curl -sS -i")...)
			require.Contains(t, head, "HTTP/1.1 401 ")
			require.Contains(t, head, "\r\nWww-Authenticate: Bearer")
		}
	})

	t.Run("the answer later", func(t *testing.T) {
		head, body, _ := strings.Cut(e.Run("async"), "\r\n\r\n")
		run := accepted(t, body)
		require.Contains(t, head, "HTTP/1.1 202 ")
		for _, header := range []string{"Location: /api/v1/runs/" + run, "Beckon-Run-Id: " + run, "Preference-Applied: respond-async", "Retry-After: "} {
			require.Contains(t, head, "\r\n"+header)
		}
		require.Equal(t, because+"\n", e.Run("pipeline"))
		failing := e.Command("pipeline", "a missing file", "no reason")
		said, err := failing.CombinedOutput()
		require.IsType(t, &exec.ExitError{}, err)
		require.Equal(t, 1, failing.ProcessState.ExitCode())
		require.Contains(t, string(said), `FAILED: The template of agent "triage"`)
		said, err = e.Command("pipeline", "$CI_TOKEN", "mgc_another").CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(said), `"status":401`, "the step says why it fails")
	})

	t.Run("the answer by a webhook", func(t *testing.T) {
		run, pipeline := accepted(t, e.Run("callback")), `{"pipeline":4711}`
		events := told(t, receiver, 3, "", run)
		requireBodies(t, []string{
			event("triage", "run.created", queued, pipeline, "null"),
			event("triage", "run.started", begun, pipeline, "null"),
			shown.FindString(string(page)),
		}, events)
		for _, e := range events {
			requireStandard(t, e)
			require.Equal(t, "prod", e["headers"].(map[string]any)["x-env"])
		}

		run = accepted(t, e.Run("callback", "a missing file", "no reason"))
		failed := told(t, receiver, 3, "", run)
		requireBodies(t, []string{event("triage", "run.failed", `{"status":"FAILED","completedNodes":0,"failedNodes":1,"output":null,"errorCode":"template_failed"}`, pipeline,
			`"The template of agent \"triage\" could not be rendered: it came out empty. Check its provider's template."`)}, failed[2:])

		run = accepted(t, e.Run("command-callback"))
		requireBodies(t, []string{event("reporter", "run.completed",
			`{"status":"COMPLETED","completedNodes":1,"failedNodes":0,"output":"All checks of last night have passed."}`, "null", "null")}, told(t, receiver, 1, "", run))
	})

	t.Run("canceled", func(t *testing.T) {
		answer := e.Run("wait")
		run := runID.FindString(answer)
		running := `{"ok":true,"runId":"` + run + `","status":"RUNNING","url":"/api/v1/runs/` + run + `"}`
		require.JSONEq(t, running, answer)
		canceled := e.Run("cancel") // the answer says how far it is, which may be the end
		require.JSONEq(t, running, strings.Replace(canceled, `"CANCELED"`, `"RUNNING"`, 1))
		requireBodies(t, []string{
			event("build", "run.started", begun, "null", "null"),
			event("build", "run.canceled", `{"status":"CANCELED","completedNodes":0,"failedNodes":0,"output":null,"errorCode":"canceled"}`, "null", `"The run was canceled."`),
		}, told(t, receiver, 2, "", run))
	})
}

func requireAnswer(t *testing.T, answer, agent, response string) {
	t.Helper()
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(answer), &got))
	require.Regexp(t, runID, got["runId"])
	require.IsType(t, 0.0, got["durationMs"])
	delete(got, "runId")
	delete(got, "durationMs")
	require.Equal(t, map[string]any{"ok": true, "response": response, "status": "COMPLETED", "agent": agent,
		"usage": map[string]any{"promptTokens": 0.0, "completionTokens": 0.0, "totalTokens": 0.0}}, got)
}
