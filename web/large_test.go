package web_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Ten thousand clients make no page larger. How long a page takes is logged, and not asserted: machines differ.
func TestTenThousandClients(t *testing.T) {
	var file strings.Builder
	file.WriteString("providers: [{id: offline, type: template, template: hi}]\nagents: [{id: triage, provider: offline}]\nclients:\n")
	for i := range 10_000 {
		fmt.Fprintf(&file, "  - {id: client-%05d, name: \"Team %d\", token: t0ken-of-client-%05d, passthrough: true, allowedAgents: [triage]}\n", i, i, i)
	}
	s := newClientSiteOf(t, file.String())
	for path, rows := range map[string]int{
		"/admin/clients": 50, "/admin/clients?after=client-05000": 50, "/admin/clients?after=client-09989": 10, "/admin/search?q=client-0": 8, "/admin/search?q=team+99": 8,
		"/admin/clients/client-09999": 1, "/admin/runs": 0,
	} {
		var took []time.Duration
		for range 10 {
			began := time.Now()
			got := s.get(path, "Accept-Encoding", "gzip")
			took = append(took, time.Since(began))
			require.Equal(t, http.StatusOK, got.StatusCode)
			require.Less(t, len(got.body), 20_000, path)
		}
		slices.Sort(took)
		t.Logf("%s: median %s, slowest %s", path, took[len(took)/2], took[len(took)-1])
		if rows > 1 {
			body := s.get(path).body
			require.LessOrEqual(t, strings.Count(body, `href="/admin/clients/client-`), rows, path)
			require.NotZero(t, strings.Count(body, `href="/admin/clients/client-`), path)
		}
	}
}

// A run of five hundred nodes that has answered 16 MB has a small page, and links to all of it.
func TestARunOfFiveHundredNodes(t *testing.T) {
	r := newTraffic(t)
	answer := strings.Repeat("All sixteen megabytes of it. ", 16<<20/29)
	r.run(runID(1), map[string]any{"kind": "flow", "workflow_id": "incident", "output": answer})
	for i := range 500 {
		r.insert("nodes", map[string]any{"run_id": runID(1), "node_id": fmt.Sprintf("n%d", i), "node_type": "triage", "place": i, "status": "COMPLETED", "started_at": atMidnight.UnixMilli() + int64(i),
			"completed_at": atMidnight.UnixMilli() + int64(i) + 1, "output": strings.Repeat(fmt.Sprintf("words of %d ", i), 100)}, nil)
	}
	path := "/admin/runs/" + runID(1)
	got := r.get(path, "Accept-Encoding", "gzip")
	require.Less(t, len(got.body), 40_000)
	page := r.get(path).body
	require.Less(t, len(page), 400_000)
	require.Contains(t, page, "/text?part=output")
	require.Contains(t, page, `href="?nodes=all"`)
	require.Contains(t, page, ">n99")
	require.NotContains(t, page, ">n100")
	require.Contains(t, page, ">n499", "the last may wait for somebody")
	require.Contains(t, r.get(path+"?nodes=all").body, ">n100")
	require.Len(t, r.get(path+"/text?part=output").body, len(answer))
	t.Logf("the page: %d bytes, %d compressed", len(page), len(got.body))
}
