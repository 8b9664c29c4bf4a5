package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
)

// Agents and flows are tried on their pages, without a client.
func TestTryAnAgentOrAFlow(t *testing.T) {
	n := newNouns(t)
	n.fill()
	for path, id := range map[string]string{"/admin/agents/logs": "logs", "/admin/flows/incident": "incident", "/admin/agents/filed": "filed"} {
		n.tried, n.refuse = nil, nil
		require.Contains(t, n.get(path+"?tab=try").body, `action="`+path+`/try"`)
		form := url.Values{"prompt": {"why <b>?\r\nnow"}}
		got := n.post(path+"/try", form)
		require.Equal(t, http.StatusSeeOther, got.StatusCode)
		require.Equal(t, "/admin/runs/run_tried", got.Header.Get("Location"))
		require.Equal(t, []string{id + ": why <b>?\nnow"}, n.tried)

		got = n.post(path+"/try", form, "HX-Request", "true")
		require.Equal(t, http.StatusOK, got.StatusCode)
		require.Contains(t, got.body, `data-follow="/admin/runs/run_tried/events"`)
		require.Contains(t, got.body, "why &lt;b&gt;?\nnow</textarea>", "what was typed stays")

		n.refuse = problem.New(problem.Unprocessable, "agent_unavailable", "It is <off>.")
		got = n.post(path+"/try", form)
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
		require.Contains(t, got.body, "Not started: It is &lt;off&gt;.")
		require.Contains(t, got.body, `data-panel="try">`, "the tab is open")
		require.Equal(t, http.StatusOK, n.post(path+"/try", form, "HX-Request", "true").StatusCode, "htmx shows no other")
	}
	require.Equal(t, http.StatusNotFound, n.post("/admin/agents/nobody/try", nil).StatusCode)
	require.NotContains(t, n.get("/admin/agents/new").body, "/new/try")
	require.NotContains(t, n.get("/admin/providers/acme").body, "/acme/try")
}
