package examples_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/examples/internal/exampletest"
)

// onCall is the example on-call, with the model and Slack started.
type onCall struct {
	*exampletest.Example
	slack   *exampletest.Process
	gateway *exampletest.Process
}

func openOnCall(t *testing.T) *onCall {
	t.Helper()
	program, version := aimock(t)
	e := &onCall{Example: exampletest.Open(t, "on-call", operated...)}
	e.Run("secrets")
	e.Start("model", "npx -y -p @copilotkit/aimock@"+version+" llmock", program)
	e.slack, e.gateway = e.Start("slack"), e.Start("gateway")
	return e
}

// messages waits until Slack has n messages, and returns them as text.
func (e *onCall) messages(t *testing.T, n int) (list []string) {
	t.Helper()
	for _, m := range e.slack.Events(n, func(m exampletest.Event) bool { return m["ts"] != nil }) {
		list = append(list, textOf(t, m))
	}
	require.Len(t, list, n)
	return list
}

// deploys is what was rolled back.
func (e *onCall) deploys(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.Dir, "data", "on-call", "deploys.jsonl"))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return string(text)
}

// An alert, a person who allows the rollback, and the answer in the thread; the gateway is killed while it waits.
func TestOnCall(t *testing.T) {
	e := openOnCall(t)
	run := accepted(t, e.Run("alert"))
	first := e.messages(t, 1)[0]
	for _, want := range []string{`on-call waits for a decision`, `deploy.rollback`, `v41`, `"type":"actions"`, `Review deploy.rollback`, "/approve/" + run} {
		require.Contains(t, first, want)
	}
	require.NotContains(t, first, "thread_ts")
	again := e.Run("alert")
	require.Equal(t, run, runID.FindString(again), "the alert again starts nothing")
	require.Contains(t, again, `"waitingFor":[{"id":"call_`)

	e.gateway.Kill()
	e.gateway = e.Start("gateway")
	require.Contains(t, e.Run("look"), "May on-call call deploy.rollback")
	require.Empty(t, e.deploys(t), "to look decides nothing")
	require.Contains(t, e.Run("allow"), "The call was allowed")

	second := e.messages(t, 2)[1]
	require.Contains(t, second, "I have rolled it back to v41.")
	require.Contains(t, second, `"thread_ts":"`+e.slack.Events(1, func(m exampletest.Event) bool { return m["ts"] != nil })[0]["ts"].(string)+`"`)
	require.Equal(t, 1, strings.Count(e.deploys(t), "\n"))
	require.Contains(t, e.deploys(t), `"service":"checkout","version":"v41"`)
	require.Contains(t, e.Run("allow"), "The call was allowed", "a second decision shows the first one")
	require.Equal(t, 1, strings.Count(e.deploys(t), "\n"))

	var document struct {
		Status string
		Nodes  []struct {
			ToolCalls []struct{ Tool, Status string }
		}
	}
	ask(t, e.Example, http.MethodGet, "/runs/"+run, &document)
	require.Equal(t, "COMPLETED", document.Status)
	require.Equal(t, []struct{ Tool, Status string }{{"deploy.status", "COMPLETED"}, {"deploy.rollback", "COMPLETED"}}, document.Nodes[0].ToolCalls)

	page, err := os.ReadFile("on-call/README.md")
	require.NoError(t, err)
	require.Contains(t, string(page), "I have rolled it back to v41.")
}

// A denial is told to the model, and nothing is called.
func TestOnCallDenied(t *testing.T) {
	e := openOnCall(t)
	accepted(t, e.Run("alert"))
	e.messages(t, 1)
	require.Contains(t, e.Run("allow", "allow=true", "allow=false"), "The call was denied")
	require.Contains(t, e.messages(t, 2)[1], "I was not allowed to roll it back")
	require.Empty(t, e.deploys(t))
}
