package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/fence"
	"beckon/internal/store"
	conversations "beckon/sessions"
)

func TestConversations(t *testing.T) {
	r := newTraffic(t)
	const id = `a <i>&`
	now := time.Now()
	require.NoError(t, r.store.Write(t.Context(), func(tx store.Tx) error {
		key, err := conversations.Join(tx, "ci", id, now, time.Hour)
		if err != nil {
			return err
		}
		turn := conversations.Turn{AgentID: "triage", RunID: "run_1", Prompt: fence.Text{Text: "<b>Is it up?</b>"}, Answer: "It is.", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
		if err := key.Keep(tx, turn); err != nil {
			return err
		}
		return key.End(tx, "run_1", true, now, time.Hour)
	}))
	r.run("run_1", map[string]any{"session": id, "session_number": 7, "session_turns": `["run_0"]`})
	address := "/admin/clients/ci/sessions/" + url.PathEscape(id)

	list := r.get("/admin/clients/ci/sessions")
	require.Contains(t, list.body, "a &lt;i&gt;&amp;")
	require.Contains(t, list.body, `href="/admin/clients/ci/sessions/a%20%3Ci%3E&amp;"`)
	require.Contains(t, r.get("/admin/runs/run_1").body, `href="/admin/clients/ci/sessions/a%20%3Ci%3E&amp;"`)
	require.NotContains(t, r.get("/admin/clients/alerts/sessions").body, "&lt;i&gt;")

	one := r.get(address)
	require.Contains(t, one.body, "&lt;b&gt;Is it up?&lt;/b&gt;")
	require.Contains(t, one.body, "It is.")
	require.Contains(t, one.body, `href="/admin/runs/run_1"`)
	require.Equal(t, http.StatusNotFound, r.get("/admin/clients/alerts/sessions/"+url.PathEscape(id)).StatusCode)

	refused := r.post(address+"/delete", url.Values{})
	require.Equal(t, http.StatusBadRequest, refused.StatusCode)
	require.Contains(t, refused.body, "Nothing was deleted.")
	require.Equal(t, http.StatusSeeOther, r.post(address+"/delete", url.Values{"sure": {"yes"}}).StatusCode)
	require.Equal(t, http.StatusNotFound, r.get(address).StatusCode)
	require.Contains(t, r.get("/admin/clients/ci/sessions?done=deleted").body, "The conversation is deleted.")
	require.Contains(t, r.audited()[0], "delete-session")
}
