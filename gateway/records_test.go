package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

const recordsFile = `
database: {url: %q}
server: {secretsKey: "a key of this test", publicURL: "http://localhost"}
admin: {token: adm1n, password: "a password"}
providers: [{id: offline, type: template, template: "{{.prompt}}"}]
agents: [{id: agent-10, provider: offline}, {id: broken, provider: offline}]
flows: [{id: relay, root: {type: sequential, steps: [{type: agent, agentId: agent-10}, {type: agent, agentId: broken}]}}]
clients: [{id: client-10, token: t0ken, passthrough: true, maxConcurrent: 50, allowedAgents: [agent-10, relay]}]
endpoints: [{id: endpoint-10, url: "https://example.com/hook", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, enabled: false}]
`

// A call, the start of a gateway, each list and each page cost the same, however many runs are on record.
func TestNothingReadsAllRecords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		file := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, recordsFile, address), 0o600))
		c, err := Load(file)
		require.NoError(t, err)
		log := slog.New(slog.DiscardHandler)
		db, err := openDatabase(t.Context(), c, log)
		require.NoError(t, err)
		storetest.Fill(t, db.store, 20_000)
		asked := storetest.Record(db.store)
		g, err := open(t.Context(), Config{Initial: c, Version: "test", Log: log, Level: new(slog.LevelVar)}, db)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, g.Close()) })
		do := func(method, path, body string, headers ...string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			for _, h := range headers {
				name, value, _ := strings.Cut(h, ": ")
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			g.server.ServeHTTP(w, r)
			require.Less(t, w.Code, 500, "%s %s: %s", method, path, w.Body)
			return w
		}

		const own = "Authorization: Bearer t0ken"
		for _, headers := range [][]string{{}, {"Prefer: respond-async"}, {"Accept: text/event-stream"}, {"Idempotency-Key: k"}, {"Idempotency-Key: k"}, {"Authorization: Bearer wrong"}} {
			do("POST", "/api/v1/webhooks/client-10", "hi", append([]string{own}, headers...)...)
		}
		flow := do("POST", "/api/v1/webhooks/client-10?agent=relay", "hi", own)
		require.Equal(t, 200, flow.Code, flow.Body)
		run := "/api/v1/runs/" + flow.Header().Get("Beckon-Run-Id")
		do("GET", run, "", own)
		do("GET", run+"/events", "", own)
		do("POST", run+"/cancel", "", own)

		login := do("POST", "/admin/login", url.Values{"password": {"a password"}}.Encode(), "Content-Type: application/x-www-form-urlencoded", "Origin: http://example.com")
		require.Equal(t, 303, login.Code, login.Body)
		session := "Cookie: " + strings.Split(login.Header().Get("Set-Cookie"), ";")[0]
		const who, status, to = "client=,client-10,idle&agent=,agent-10,idle", "&status=,COMPLETED,FAILED", "endpoint=,idle&status=,PENDING,FAILED&client=,idle&type=,run.queued"
		for path, filters := range map[string]string{
			"/api/v1/admin/runs": who + status, "/admin/runs": "client=,idle&agent=,agent-10&status=,FAILED&source=,page&q=,run_01,orderId%3Dorder_5",
			"/api/v1/admin/deliveries": to + "&event=,evt_x&since=,480h", "/admin/deliveries": to,
			"/api/v1/admin/audit": "section=,clients&id=,client-10", "/admin/audit": "section=,clients&id=,client-10",
			"/api/v1/admin/stats": "since=,744h", "/admin": "span=,30d", "/admin/refused": "client=,client-10&code=,unauthorized",
			"/admin/clients": "", "/admin/clients/client-10": "", "/admin/agents": "", "/admin/flows": "", "/admin/providers": "", "/admin/commands": "",
			"/admin/endpoints": "", "/admin/endpoints/endpoint-10": "", "/admin/settings": "", "/api/v1/admin/clients": "", "/api/v1/admin/endpoints": "",
			strings.Replace(run, "/api/v1/", "/admin/", 1): "", "/readyz": "", "/metrics": "",
		} {
			for _, query := range combinations(filters) {
				w := do("GET", path+"?"+query, "", session)
				require.Equal(t, http.StatusOK, w.Code, "%s?%s: %s", path, query, w.Body)
			}
		}
		for _, status := range []string{"", "COMPLETED", "FAILED", "QUEUED"} {
			do("GET", "/api/v1/runs?agent=agent-10&status="+status, "", own)
			do("GET", "/api/v1/runs?status="+status, "", own)
		}
		require.Empty(t, asked.Costly(t,
			"SELECT hour, status, latency",             // counts a month, and remembers what it has counted
			`SELECT COALESCE(endpoint_id, '') AS "by"`, // sorts the tests that have failed since a time
			"SELECT * FROM nodes WHERE run_id =",       // sorts those of one run
			"SELECT * FROM runs WHERE instance_id =",   // sorts those that are running
		))
	})
}

// combinations are all queries that have one of its values for each parameter of "name=value,value&name=value,value".
func combinations(filters string) []string {
	list := []string{""}
	for parameter := range strings.SplitSeq(filters, "&") {
		name, values, ok := strings.Cut(parameter, "=")
		if !ok {
			break
		}
		var longer []string
		for _, query := range list {
			for value := range strings.SplitSeq(values, ",") {
				longer = append(longer, query+name+"="+value+"&")
			}
		}
		list = longer
	}
	return list
}
