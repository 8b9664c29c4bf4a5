package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTwoRunsAreCompared(t *testing.T) {
	r := newTraffic(t)
	r.run(runID(1), map[string]any{"input": "Is <b>db-1</b> full?", "output": "The disk is full.\nDelete the old logs.", "total_tokens": 30})
	r.run(runID(2), map[string]any{"input": "Is <b>db-1</b> full?", "output": "The disk is nearly full.\nDelete the old logs.", "total_tokens": 42, "status": "FAILED", "error_code": "agent_timeout", "error_message": "x", "error_kind": "expired",
		"completed_at": atMidnight.Add(time.Minute).UnixMilli()})
	list := r.get("/admin/runs").body
	require.Contains(t, list, `<input type="checkbox" name="run" value="`+runID(1)+`" form="compare"`)
	require.Contains(t, list, `<form id="compare" method="get" action="/admin/runs/compare"`)
	got := r.get("/admin/runs/compare?run=" + runID(1) + "&run=" + runID(2))
	require.Equal(t, "/admin/runs/compare?a="+runID(1)+"&b="+runID(2), got.Header.Get("Location"))

	page := r.get("/admin/runs/compare?a=" + runID(1) + "&b=" + runID(2)).body
	for _, want := range []string{
		"disk is full", "disk is <ins>nearly </ins>full", "&lt;b&gt;db-1&lt;/b&gt;", `<tr class="differs"><th scope="row">Status</th><td data-label="A">Completed</td><td data-label="B">Failed</td>`,
		`<td data-label="Change">&#43;12</td>`, `href="/admin/runs/` + runID(1) + `"`, `href="/admin/runs/` + runID(2) + `"`, `a=` + runID(2) + `&amp;b=` + runID(1),
	} {
		require.Contains(t, page, want)
	}
	require.Equal(t, 1, strings.Count(page, `<span class="tag ok">same</span>`), "the prompts are")

	one := r.get("/admin/runs/" + runID(1)).body
	require.Contains(t, one, `href="/admin/runs/compare?a=`+runID(1)+`"`)
	offered := r.get("/admin/runs/compare?a=" + runID(1)).body
	require.Contains(t, offered, `href="/admin/runs/compare?a=`+runID(1)+`&amp;b=`+runID(2)+`"`)
	require.NotContains(t, offered, "b="+runID(1))
	require.Contains(t, r.get("/admin/runs/compare?a="+runID(1)+"&b=run_none").body, "No run has this ID")
	require.Contains(t, r.get("/admin/runs/compare?run="+runID(1)+"&run="+runID(2)+"&run=x").body, "Only two runs")
	require.Equal(t, http.StatusNotFound, r.get("/admin/runs/compare?a=run_none").StatusCode)
	require.Equal(t, "/admin/runs", r.get("/admin/runs/compare").Header.Get("Location"))
}

// Texts of any size are compared in bounded time, and the page says what it leaves out.
func TestLongTextsAreComparedAsFarAsTheyGo(t *testing.T) {
	r := newTraffic(t)
	r.run(runID(1), map[string]any{"output": strings.Repeat("ä word. ", 200_000)})
	r.run(runID(2), map[string]any{"output": strings.Repeat("another ß line\n", 100_000)})
	page := r.get("/admin/runs/compare?a=" + runID(1) + "&b=" + runID(2)).body
	require.Contains(t, page, "Only the beginning is compared.")
	require.Contains(t, page, "/admin/runs/"+runID(2)+"/text?part=output")
	require.Less(t, len(page), 200_000)
}
