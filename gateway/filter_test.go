package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/runs"
)

const filteringClients = `
  - {id: shop, token: sh0p, source: github, auth: [{scheme: header, name: X-Pass}], allowedAgents: [a], respond: sync,
     filter: 'event.type == "push" && !("x-pass" in headers) && query.env == "prod"'}
  - {id: form, token: f0rm, passthrough: true, allowedAgents: [a], filter: 'body.amount > 10.00 && body.tags.exists(t, t == "urgent")'}
  - {id: text, token: t3xt, passthrough: true, allowedAgents: [a], filter: 'body.contains("please")'}
  - {id: loop, token: l00p, passthrough: true, allowedAgents: [a], filter: 'body.n.exists(a, body.n.exists(b, body.n.exists(c, body.n.exists(d, a + b + c + d < 0))))'}
  - {id: alerts, token: al3rt, source: alertmanager, coalesce: off, allowedAgents: [a], template: "own {{ .event.title }}", filter: 'headers["x-cluster"] == "prod" && event.severity != "info"'}
  - {id: blank, token: bl4nk, source: gitlab, auth: [bearer], allowedAgents: [a], template: "{{ if eq .event.type \"push\" }}pushed{{ end }}"}
  - {id: empty, token: 3mpty, passthrough: true, allowedAgents: [a], template: "{{ if .body.x }}x{{ end }}"}
  - {id: guarded, token: gu4rded, passthrough: true, allowedAgents: [a], template: "{{ if .body.x }}x{{ end }}", filter: 'has(body.x)'}
`

func newFiltering(t *testing.T) callers {
	file := strings.Replace(smallFile, "clients: [{id: ci, token: t0ken, passthrough: true, allowedAgents: [a]}]", "clients:"+filteringClients, 1)
	file = strings.Replace(file, "admin: {", "admin: {token: adm1n, ", 1)
	return callers{start(t, load(t, fmt.Sprintf(file, sqliteIn(t.TempDir()))))}
}

const (
	asJSON  = "Content-Type: application/json"
	skipped = `{"ok":true,"skipped":"filter"}`
	blank   = `{"ok":true,"skipped":"empty_prompt"}`
)

func TestFilterLetsCallsThrough(t *testing.T) {
	c := newFiltering(t)
	push := []string{"X-Pass: sh0p", "X-GitHub-Event: push", asJSON}
	for name, row := range map[string]struct {
		path, body string
		header     []string
		status     int
		answer     string // of a call that starts no run
	}{
		"a push":          {path: "shop?env=prod", body: `{"ref":"refs/heads/main"}`, header: push, status: 200},
		"another env":     {path: "shop?env=test", body: `{"ref":"refs/heads/main"}`, header: push, status: 200, answer: skipped},
		"another event":   {path: "shop?env=prod", body: `{"action":"created"}`, header: []string{"X-Pass: sh0p", "X-GitHub-Event: star", asJSON}, status: 200, answer: skipped},
		"digits are kept": {path: "form", body: `{"prompt":"hi","amount":10.10,"tags":["urgent"]}`, header: []string{"Authorization: Bearer f0rm", asJSON}, status: 200},
		"too little":      {path: "form", body: `{"prompt":"hi","amount":10.00,"tags":["urgent"]}`, header: []string{"Authorization: Bearer f0rm", asJSON}, status: 200, answer: skipped},
		"a member lacks":  {path: "form", body: `{"prompt":"hi"}`, header: []string{"Authorization: Bearer f0rm", asJSON}, status: 422, answer: "filter_failed"},
		"no JSON":         {path: "form", body: `{`, header: []string{"Authorization: Bearer f0rm", asJSON}, status: 400, answer: "invalid_json"},
		"a text":          {path: "text", body: "do it, please", header: []string{"Authorization: Bearer t3xt", "Content-Type: text/plain"}, status: 200},
		"not asked":       {path: "text", body: "do it", header: []string{"Authorization: Bearer t3xt", "Content-Type: text/plain"}, status: 200, answer: skipped},
		"it never ends":   {path: "loop", body: `{"n":[` + strings.Repeat("1,", 400) + `1]}`, header: []string{"Authorization: Bearer l00p", asJSON}, status: 422, answer: "filter_failed"},
		"empty, a source": {path: "blank", body: `{"object_kind":"issue"}`, header: []string{"Authorization: Bearer bl4nk", asJSON}, status: 200, answer: blank},
		"empty, filtered": {path: "guarded", body: `{"x":false}`, header: []string{"Authorization: Bearer gu4rded", asJSON}, status: 200, answer: blank},
		"empty, neither":  {path: "empty", body: `{"x":false}`, header: []string{"Authorization: Bearer 3mpty", asJSON}, status: 400, answer: "empty_prompt"},
	} {
		before := c.count()
		r, body := c.post(row.path, row.body, row.header...)
		require.Equal(t, row.status, r.StatusCode, "%s: %s", name, body)
		switch {
		case row.answer == "":
			require.NotEmpty(t, r.Header.Get("Beckon-Run-Id"), name)
			require.Equal(t, before+1, c.count(), name)
			continue
		case strings.HasPrefix(row.answer, "{"):
			require.JSONEq(t, row.answer, body, name)
		default:
			require.Contains(t, body, `"code":"`+row.answer+`"`, name)
		}
		require.Equal(t, before, c.count(), "%s: no run", name)
	}
}

// An alert is lost for good by a 4xx: what its client's filter cannot be evaluated over is let through, with the source's own prompt.
func TestFilterThatErrsLosesNoAlert(t *testing.T) {
	c := newFiltering(t)
	r, body := c.post("alerts", firing, "Authorization: Bearer al3rt", asJSON)
	require.Equal(t, 202, r.StatusCode, body)
	run := c.run(r)
	require.Contains(t, run.Input, "FIRING", "the source's own prompt, not the template's")
	require.Len(t, run.Notes, 1)
	require.Equal(t, runs.NoteWarning, run.Notes[0].Kind)
	require.Contains(t, run.Notes[0].Text, "filter")
	require.Contains(t, run.Notes[0].Text, "x-cluster")
	require.Contains(t, c.admin(t, "/api/v1/admin/runs/"+run.ID), `"kind":"warning"`)

	r, _ = c.post("alerts", firing, "Authorization: Bearer al3rt", asJSON, "X-Cluster: prod")
	require.Equal(t, 202, r.StatusCode)
	require.Equal(t, "own 95 % used", c.run(r).Input)
	require.Empty(t, c.run(r).Notes)
	r, body = c.post("alerts", firing, "Authorization: Bearer al3rt", asJSON, "X-Cluster: test")
	require.Equal(t, 200, r.StatusCode)
	require.JSONEq(t, skipped, body)
}

// A skipped call is counted, and listed apart from those that are refused.
func TestSkippedCallsAreListed(t *testing.T) {
	c := newFiltering(t)
	for range 2 {
		_, body := c.post("text", "do it", "Authorization: Bearer t3xt", "Content-Type: text/plain")
		require.JSONEq(t, skipped, body)
	}
	r, _ := c.post("text", "please", "Content-Type: text/plain")
	require.Equal(t, 401, r.StatusCode)
	var list []store.RefusedCall
	require.Eventually(t, func() bool {
		var err error
		list, _, err = c.store.RefusedCalls(t.Context(), store.RefusedQuery{Code: "skipped_by_filter", Limit: 10})
		return err == nil && len(list) == 2
	}, patience, 20*time.Millisecond)
	require.True(t, list[0].IsSkipped())
	require.Equal(t, "text", list[0].ClientID)
	require.Eventually(t, func() bool {
		n, _, err := c.store.RefusedSince(t.Context(), list[1].At.Add(-1))
		return err == nil && n == 1
	}, patience, 20*time.Millisecond, "skipped calls are not refused")
	require.Contains(t, c.admin(t, "/metrics"), `beckon_calls_skipped_total{reason="filter"} 2`)
}

// admin gets an address with the administrator's token.
func (c callers) admin(t *testing.T, path string) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, c.url+path, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer adm1n")
	r, err := c.client.Do(request)
	require.NoError(t, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, 200, r.StatusCode, string(text))
	return string(text)
}
