package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
	"beckon/runs"
)

func requireStorageUnavailable(t *testing.T, a answer, path string) {
	t.Helper()
	require.Equal(t, 503, a.StatusCode, path+a.body)
	requireProblem(t, a, "storage_unavailable")
	require.NotEmpty(t, a.Header.Get("Retry-After"), path)
}

// Whatever is asked while the database is away is a 503, and never an error of Beckon's own.
func TestADatabaseThatIsAwayIsA503Everywhere(t *testing.T) {
	url := storetest.Postgres(t)
	g := newAdminGateway(t, setting{store: storetest.Open(t, url)})
	own := "Authorization: Bearer t0ken-of-file"
	run := g.do(g.request("/api/v1/webhooks/filed", "x", own)).Header.Get("Beckon-Run-Id")
	require.NotEmpty(t, run)
	restore := storetest.CutOff(t, url)
	unavailable := map[string]bool{}
	for _, r := range g.srv.Routes() {
		path := strings.NewReplacer(":clientID", "filed", ":nodeType", "filed", ":id", run).Replace(r.Path)
		request := g.request(path, `{"agent":"filed","prompt":"x"}`, own, "Content-Type: application/json")
		if strings.HasPrefix(path, "/api/v1/admin") {
			request.Header.Set("Authorization", "Bearer "+adminToken)
		}
		request.Method = r.Method
		a := g.do(request)
		require.NotEqual(t, 500, a.StatusCode, "%s %s: %s", r.Method, path, a.body)
		if a.StatusCode == 503 {
			if strings.HasPrefix(path, "/approve") { // a page for people
				require.Contains(t, a.Header.Get("Content-Type"), "text/html")
			} else {
				requireStorageUnavailable(t, a, path)
			}
			unavailable[r.Method+" "+r.Path] = true
		}
	}
	for _, route := range []string{"GET /readyz", "GET /api/v1/runs", "GET /api/v1/runs/:id", "GET /api/v1/runs/:id/events", "POST /api/v1/runs", "POST /api/v1/webhooks/:clientID",
		"GET /api/v1/admin/runs", "GET /api/v1/admin/deliveries", "GET /api/v1/admin/audit", "GET /api/v1/admin/stats", "GET /api/v1/admin/providers"} {
		require.True(t, unavailable[route], "%s is not among %v", route, unavailable)
	}
	restore()
	require.Eventually(t, func() bool { return g.get("/readyz").StatusCode == 200 }, patience, 10*time.Millisecond)
	require.Equal(t, 200, g.get("/api/v1/runs/"+run, own).StatusCode)
}

func TestADeletedDatabaseIsNotReady(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beckon.db")
	g := newGateway(t, setting{store: storetest.Open(t, "sqlite:"+path)})
	require.NoError(t, g.store.Claim())
	run := g.call("x").Header.Get("Beckon-Run-Id")
	require.Equal(t, 200, g.get("/readyz").StatusCode)
	require.Contains(t, g.get("/metrics").body, "beckon_ready 1\n")
	require.NoError(t, os.Rename(path, path+".away"))
	require.Eventually(t, func() bool { return g.get("/readyz").StatusCode == 503 }, patience, 10*time.Millisecond)
	ready := g.get("/readyz")
	requireStorageUnavailable(t, ready, "/readyz")
	require.Contains(t, ready.body, "deleted or moved")
	requireStorageUnavailable(t, g.call("x"), "a call")
	requireStorageUnavailable(t, g.call("x", "Prefer: respond-async"), "a call")
	requireStorageUnavailable(t, g.get("/api/v1/runs/"+run), "a run")
	require.NoError(t, os.Rename(path+".away", path))
	require.Eventually(t, func() bool { return g.get("/readyz").StatusCode == 200 }, patience, 10*time.Millisecond)
	require.Equal(t, 200, g.call("x").StatusCode)
	list, _, err := g.runs.List(t.Context(), runs.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 2)
}
