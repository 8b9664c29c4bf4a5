package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/runs"
)

func TestThePageForRecipientsIsRevokedOnTheRunsPage(t *testing.T) {
	r := newTraffic(t)
	active, err := r.runs.Start(t.Context(), runs.Request{ClientID: "ci", Source: runs.SourceWebhook, Input: "in", Share: true,
		Entry: &agents.Entry{ID: "triage", Timeout: time.Minute, Invoker: maker{}}})
	require.NoError(t, err)
	<-active.Done()
	path := "/admin/runs/" + active.ID
	page := r.get(path)
	require.Contains(t, page.body, `<a href="http://localhost:8080/r/`+active.ID+`?expires=`)
	require.Contains(t, page.body, "Nobody has opened it yet.")

	got := r.post(path+"/share/revoke", nil)
	require.Equal(t, path+"?done=revoked", got.Header.Get("Location"))
	page = r.get(path + "?done=revoked")
	require.Contains(t, page.body, "The result page is revoked.")
	require.NotContains(t, page.body, "/r/"+active.ID)
	require.NotContains(t, page.body, "/share/revoke")
	require.Contains(t, r.audited(), "revoke runs/"+active.ID)
	require.Equal(t, http.StatusNotFound, r.post(path+"/share/revoke", nil).StatusCode)
}
