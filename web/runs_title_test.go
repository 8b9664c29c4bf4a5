package web_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A run that an event started is called after the event, wherever it is listed, and any other after its prompt.
func TestRunsAreCalledAfterTheirEvents(t *testing.T) {
	r := newTraffic(t)
	prompt := "Alertmanager: 1 alert, 1 firing\nhttp://alerts.example\nGroup: {}:{alertname=\"DiskFull\"}\n\nFIRING (1)\n- DiskFull"
	r.run(runID(1), map[string]any{"input": prompt,
		"origin": `{"source":"alertmanager","key":"` + strings.Repeat("k", 1000) + `","state":"firing","title":"/var on <db1> is full","labels":{"number":"` + strings.Repeat("7", 9000) + `"}}`})
	r.run(runID(2), map[string]any{"input": "What was\nasked", "origin": `{"source":"generic","state":"","title":""}`})
	r.run(runID(3), map[string]any{"input": "What an API asked"})
	const title = "Firing: /var on &lt;db1&gt; is full"
	for _, page := range []string{"/admin/runs", "/admin/agents/triage", "/admin/runs/compare?a=" + runID(3)} {
		body := r.get(page).body
		require.Contains(t, body, `">`+title+"</a>", page)
		require.NotContains(t, body, "Alertmanager: 1 alert", page)
		require.Contains(t, body, `">What was`, page)
	}
	require.Contains(t, r.get("/admin/runs").body, `">What an API asked</a>`)
	page := r.get("/admin/runs/" + runID(1)).body
	require.Contains(t, page, "<h1>"+title+" ")
	require.Contains(t, page, "Alertmanager: 1 alert", "the prompt is below")
	require.Contains(t, r.get("/admin/runs/"+runID(2)).body, "<h1>What was ")
}
